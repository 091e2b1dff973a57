// What all commands share: settings, terminal, and a signal that Ctrl-C aborts.
import { InvalidArgumentError, type Command } from 'commander';
import { loadConfig, type Config } from '../config/config.ts';
import { optionOf, SETTINGS, variableOf, type SettingName } from '../config/settings.ts';
import type { Given } from '../config/sources.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { OutputError } from '../../projections/output.ts';
import { handleSignals, type StopSignal } from '../terminal/signals.ts';
import {
  createTerminal,
  EXIT,
  reportFailure,
  type FatalLine,
  type Terminal,
} from '../terminal/terminal.ts';

export type Context = {
  readonly config: Config;
  readonly terminal: Terminal;
  /** Aborted by the first SIGINT or SIGTERM; a second signal ends the process at once. */
  readonly signal: AbortSignal;
  /** True when Ctrl-C aborted the signal. */
  readonly wasInterrupted: () => boolean;
  /** When the work began, by `performance.now()`. */
  readonly startedAt: number;
};

type CommonOptions = Given & { readonly json?: true };

/** The work of a command; returns the exit code, or nothing for 0. */
export type Work<O> = (context: Context, options: O) => Promise<number> | Promise<void>;

export type CommandOptions<O> = {
  /** Whether a running `start` supplies what no other source names. Default: yes. */
  readonly useRunFile?: (options: O) => boolean;
  /** Whether the command runs until a signal: it then ends with 0 within ten seconds, also during an outage. */
  readonly isDaemon?: (options: O) => boolean;
  /** Writes the error that ends a daemon into its log. Default: it has no log. */
  readonly fatalLine?: (options: O) => FatalLine | undefined;
};

/** Completes a command: adds the options of its settings and of all commands, its help and its work. */
export function register<O>(
  command: Command,
  settings: readonly SettingName[],
  help: string,
  work: Work<O>,
  {
    useRunFile = () => true,
    isDaemon = () => false,
    fatalLine = () => undefined,
  }: CommandOptions<O> = {},
): void {
  for (const name of settings) {
    const value = name === 'store' ? 'STORE' : 'VALUE';
    command.option(`${optionOf(name)} <${value}>`, `${SETTINGS[name]} [${variableOf(name)}]`);
  }
  command
    .option('--config <FILE>', 'settings file (default tocsin.config.json, if it exists)')
    .option('--json', 'print JSON on standard output')
    .addHelpText('after', `\n${help}`)
    .action(() => {
      // The work gets arguments as options: `<ID>` as `id`.
      const named = command.registeredArguments.map((argument, index): [string, unknown] => [
        argument.name().toLowerCase(),
        command.processedArgs[index],
      ]);
      const options = { ...command.opts<O & CommonOptions>(), ...Object.fromEntries(named) };
      return execute(options, work, {
        useRunFile: useRunFile(options),
        uses: settings,
        isDaemon: isDaemon(options),
        fatal: fatalLine(options),
      });
    });
}

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

const SAME_SIGNAL_MS = 500;
/** After this time the user learns how to end the process at once. */
const PATIENCE_MS = 1_000;

/** A daemon that has not ended by then is ended: it may take ten seconds. */
const DAEMON_STOP_MS = 9_500;

async function execute<O>(
  options: O & CommonOptions,
  work: Work<O>,
  {
    useRunFile,
    uses,
    isDaemon,
    fatal,
  }: {
    readonly useRunFile: boolean;
    readonly uses: readonly SettingName[];
    readonly isDaemon: boolean;
    readonly fatal: FatalLine | undefined;
  },
): Promise<void> {
  const startedAt = performance.now();
  const json = options.json === true;
  const terminal = createTerminal(json);
  const stop = new AbortController();
  const { signal } = stop;
  let interrupted = false;
  const wasInterrupted = (): boolean => interrupted;
  let firstAt = 0;
  let patience: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;
  const onSignal = (name: StopSignal): void => {
    if (signal.aborted) {
      // One Ctrl-C can arrive twice: from the terminal and from the parent process.
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
      process.exit(EXIT.interrupted);
    }
    firstAt = performance.now();
    interrupted = name === 'SIGINT';
    stop.abort();
    patience = setTimeout(() => {
      terminal.note('Finishing the work in flight; a second signal ends the process at once.');
    }, PATIENCE_MS);
    if (isDaemon) limit = endLater(terminal);
  };
  using _signals = handleSignals(onSignal);
  using _errors = fatal && endAtUncaught(fatal, json);
  try {
    const config = loadConfig(options, process.env, { useRunFile, uses });
    const context = { config, terminal, signal, wasInterrupted, startedAt };
    process.exitCode = (await work(context, options)) ?? EXIT.done;
    terminal.endProgress();
  } catch (error) {
    if (isDaemon && signal.aborted && isCutShort(error, signal)) process.exitCode = EXIT.done;
    else process.exitCode = wasInterrupted() ? EXIT.interrupted : reportFailure(error, json, fatal);
  } finally {
    clearTimeout(patience);
    clearTimeout(limit);
  }
}

/** An error outside of any call ends a daemon too, with a line in its log. */
function endAtUncaught(fatal: FatalLine, json: boolean): Disposable {
  const end = (error: unknown): void => {
    process.exit(reportFailure(error, json, fatal));
  };
  process.once('uncaughtException', end);
  return { [Symbol.dispose]: () => void process.off('uncaughtException', end) };
}

/** Ends the process at its limit, whatever it waits for; the next start finds the unfinished work. */
function endLater(terminal: Terminal): NodeJS.Timeout {
  return setTimeout(() => {
    terminal.note('The stop took too long; the next start continues the unfinished work.');
    process.exit(process.exitCode ?? EXIT.done);
  }, DAEMON_STOP_MS);
}

/** True for what a stop interrupts: a wait for the signal, or for a server that is away. */
function isCutShort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason || error instanceof OutputError) return true;
  return error instanceof TocsinError && error.kind === 'unavailable';
}
