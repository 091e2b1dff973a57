// What all commands share: settings, terminal, and a signal that Ctrl-C aborts.
import { Option, type Command } from 'commander';
import { loadConfig, type Config } from '../config/config.ts';
import { optionOf, SETTINGS, type SettingName } from '../config/settings.ts';
import type { Given } from '../config/sources.ts';
import { createTerminal, EXIT, reportFailure, type Terminal } from '../terminal/terminal.ts';

export type Context = {
  readonly config: Config;
  readonly terminal: Terminal;
  /** Aborted by the first SIGINT or SIGTERM; a second signal ends the process at once. */
  readonly signal: AbortSignal;
  /** True when Ctrl-C aborted the signal. */
  readonly wasInterrupted: () => boolean;
};

type CommonOptions = Given & { readonly json?: true };

/** The work of a command; returns the exit code. */
export type Work<O> = (context: Context, options: O) => Promise<number>;

/** Adds the options of these settings, and those of all commands. */
export function withCommonOptions(command: Command, settings: readonly SettingName[]): Command {
  for (const name of settings) {
    const [variable, help] = SETTINGS[name];
    const value = name === 'store' ? 'STORE' : 'VALUE';
    command.addOption(new Option(`${optionOf(name)} <${value}>`, `${help} [${variable}]`));
  }
  return command
    .option('--config <FILE>', 'settings file (default tocsin.config.json, if it exists)')
    .option('--json', 'print JSON on standard output');
}

/**
 * Completes a command: adds its options and its help, and runs its work.
 *
 * @param argument the option of the work that gets the command's argument
 */
export function register<O>(
  command: Command,
  settings: readonly SettingName[],
  help: string,
  work: Work<O>,
  argument?: keyof O & string,
): Command {
  const complete = withCommonOptions(command, settings).addHelpText('after', `\n${help}`);
  if (argument === undefined) {
    return complete.action((options: O & CommonOptions) => execute(options, work));
  }
  return complete.action((value: unknown, options: O & CommonOptions) =>
    execute({ ...options, [argument]: value }, work),
  );
}

const SAME_SIGNAL_MS = 500;
/** After this time the user learns how to end the process at once. */
const PATIENCE_MS = 1_000;

/** Runs the work of a command and sets the exit code. */
export async function execute<O>(
  options: O & CommonOptions,
  work: Work<O>,
  { useRunFile = true }: { readonly useRunFile?: boolean } = {},
): Promise<void> {
  const json = options.json === true;
  const terminal = createTerminal(json);
  const stop = new AbortController();
  let interrupted = false;
  const wasInterrupted = (): boolean => interrupted;
  let firstAt = 0;
  let patience: NodeJS.Timeout | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
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
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const config = loadConfig(options, process.env, { useRunFile });
    const context = { config, terminal, signal: stop.signal, wasInterrupted };
    process.exitCode = await work(context, options);
    terminal.endProgress();
  } catch (error) {
    process.exitCode = wasInterrupted() ? EXIT.interrupted : reportFailure(error, json);
  } finally {
    clearTimeout(patience);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
