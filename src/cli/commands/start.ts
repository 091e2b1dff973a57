// `tocsin start`: the command, and the module of each mode.
import { Option, type Command } from 'commander';
import { CHANNEL_SETTINGS, NATS_SETTINGS, TASK_SETTINGS } from '../config/settings.ts';
import { execute, withCommonOptions } from './command.ts';

type Options = {
  readonly mode: (typeof MODES)[number];
  readonly once?: true;
  readonly standby?: true;
  readonly allowRemote?: true;
};

/** Which parts run in this process. */
const MODES = ['all', 'api', 'worker', 'projector'] as const;

export function startCommand(program: Command): void {
  const command = program
    .command('start')
    .description('run everything on this machine, in ./var, or one part of it beside others')
    .addOption(
      new Option(
        '--mode <MODE>',
        'all, or only api (HTTP), worker (projection, delivery) or projector',
      )
        .choices(MODES)
        .default('all'),
    )
    .option('--standby', 'worker and projector: publish only when no other one does')
    .option('--allow-remote', 'let the HTTP API listen where other machines reach it (--api)')
    .option('--once', 'raise the examples, project, print the summary and exit');
  const settings = ['store', ...NATS_SETTINGS, 'state', 'name', 'source', 'http', 'api'] as const;
  withCommonOptions(command, [
    ...settings,
    ...TASK_SETTINGS,
    'worker',
    'frontend',
    'delivery',
    ...CHANNEL_SETTINGS,
    'logLevel',
  ])
    .addHelpText(
      'after',
      `
On the first start it reads examples/tasks.ics (with its times moved to now) and raises
examples/triggers.ndjson, and shows what becomes of both. It then follows the calendars in var/tasks, or
those that --tasks names, and takes trigger lines on its standard input, until Ctrl-C. A second start
goes on where the first stopped.

The other modes start no servers: they use those of a running start, or those that --store and --nats
name. Two workers on one machine need a --worker and a --state each.

Examples:
  tocsin start
  tocsin start --tasks ~/calendars --tasks-user 42
  tocsin start --mode api --api 127.0.0.1:8080
  tocsin start --mode worker --store esdb://127.0.0.1:2113 --nats nats://127.0.0.1:4222
  tocsin start --once --json
  TOCSIN_NATS=nats://127.0.0.1:4222 tocsin start`,
    )
    .action((options: Options) => startMode(options));
}

async function startMode({ mode, ...options }: Options): Promise<void> {
  switch (mode) {
    case 'all':
      return execute(options, (await import('./start-all.ts')).startAll, { useRunFile: false });
    case 'api':
      return execute(options, (await import('./start-api.ts')).startApi);
    case 'worker':
    case 'projector':
      return execute({ mode, ...options }, (await import('./start-part.ts')).startPart);
  }
}
