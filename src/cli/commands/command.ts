// What every command shares: its settings, its terminal, and a signal that Ctrl-C raises.
import { Option, type Command } from 'commander';
import {
  loadConfig,
  SETTINGS,
  type Config,
  type Given,
  type SettingName,
} from '../config/config.ts';
import { createTerminal, EXIT, reportFailure, type Terminal } from '../terminal/terminal.ts';

export type Context = {
  readonly config: Config;
  readonly terminal: Terminal;
  /** Raised by the first SIGINT or SIGTERM; a second one ends the process at once. */
  readonly signal: AbortSignal;
  /** True when it was Ctrl-C that raised the signal. */
  readonly wasInterrupted: () => boolean;
};

/** A command's work; returns the exit code. */
export type Work<O> = (context: Context, options: O) => Promise<number>;

const KEBAB: Readonly<Partial<Record<SettingName, string>>> = {
  subjectRoot: 'subject-root',
  vaultKeyFile: 'vault-key-file',
  webhookPorts: 'webhook-ports',
  privateWebhooks: 'private-webhooks',
  standIn: 'stand-in',
  logLevel: 'log-level',
  tasksUser: 'tasks-user',
  timeZone: 'time-zone',
  natsUser: 'nats-user',
  natsCreds: 'nats-creds',
  natsCa: 'nats-ca',
  natsCert: 'nats-cert',
  natsKey: 'nats-key',
  natsReplicas: 'nats-replicas',
};

/** Adds the options that are common to all commands. */
export function withCommonOptions(command: Command, settings: readonly SettingName[]): Command {
  for (const name of settings) {
    const [variable, help] = SETTINGS[name];
    const value = name === 'store' ? 'STORE' : 'VALUE';
    command.addOption(new Option(`--${KEBAB[name] ?? name} <${value}>`, `${help} [${variable}]`));
  }
  return command
    .option('--config <FILE>', 'settings file (default tocsin.config.json, if it is there)')
    .option('--json', 'print JSON for programs');
}

/** The settings that reach the NATS server. */
export const NATS_SETTINGS = [
  'nats',
  'stream',
  'subjectRoot',
  'natsUser',
  'natsCreds',
  'natsCa',
  'natsCert',
  'natsKey',
  'natsReplicas',
] as const satisfies readonly SettingName[];

/** The settings that say where tasks come from, and how they are read. */
export const TASK_SETTINGS = [
  'tasks',
  'tasksUser',
  'timeZone',
  'lead',
] as const satisfies readonly SettingName[];

/** The settings of channels and their secrets. */
export const CHANNEL_SETTINGS = [
  'vault',
  'vaultKeyFile',
  'webhookPorts',
  'privateWebhooks',
  'standIn',
] as const satisfies readonly SettingName[];

const SAME_SIGNAL_MS = 500;
/** Whoever waits longer than this for the end is told how to have it now. */
const PATIENCE_MS = 1_000;

/** Runs a command's work and turns its end into an exit code. */
export async function execute<O extends Given & { readonly json?: true }>(
  options: O,
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
      // One Ctrl-C may come twice: from the terminal and from the process that started us.
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
      process.exit(EXIT.interrupted);
    }
    firstAt = performance.now();
    interrupted = name === 'SIGINT';
    stop.abort();
    patience = setTimeout(() => {
      terminal.note('Finishing what is under way; the same signal again ends it at once.');
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
