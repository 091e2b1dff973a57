// `tocsin start`: the command, and the module of each mode.
import { Option, type Command } from 'commander';
import {
  API_SETTINGS,
  CHANNEL_SETTINGS,
  NATS_SETTINGS,
  NOTARY_SETTINGS,
  TASK_SETTINGS,
  TELEMETRY_SETTINGS,
} from '../config/settings.ts';
import { fatalLine } from '../compose/daemon-logger.ts';
import { EXIT } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';
import { MODES, type StartOptions } from './start-options.ts';

export function startCommand(program: Command): void {
  const command = program
    .command('start')
    .description('run all parts on this machine, in ./var, or one part')
    .addOption(
      new Option(
        '--mode <MODE>',
        'all, or only api (HTTP), worker (projection, delivery) or projector',
      )
        .choices(MODES)
        .default('all'),
    )
    .option('--standby', 'worker and projector: publish only when no other projector publishes')
    .option('--allow-remote', 'let other machines reach the HTTP API (--api)')
    .option('--examples', 'raise the examples also if --store or --nats names a server')
    .option('--once', 'raise the examples, project, print the summary and exit');
  const settings = [
    'store',
    ...NATS_SETTINGS,
    'state',
    'name',
    'source',
    'messageKeyFile',
    'http',
    ...API_SETTINGS,
  ] as const;
  const worker = [
    'worker',
    'channel',
    'frontend',
    'delivery',
    'retryProfile',
    'onUnknown',
    ...CHANNEL_SETTINGS,
    ...NOTARY_SETTINGS,
    'logLevel',
  ] as const;
  register(
    command,
    [...settings, ...TASK_SETTINGS, ...worker, ...TELEMETRY_SETTINGS],
    `The first start reads examples/tasks.ics, moves its times to now, raises examples/triggers.ndjson, and shows the
notifications that follow. Until Ctrl-C it follows the calendars in var/tasks, or the calendars that --tasks
names, and takes trigger lines on its standard input. A second start continues where the first start stopped.
If --store or --nats names your own server, it raises no examples, because they would notify the users of
that log. To raise them anyway, use --examples.

The other modes start no servers. They use the servers of a running start, or the servers that --store and
--nats name. Two workers on one machine need a --worker and a --state each.

Examples:
  tocsin start
  tocsin start --tasks ~/calendars --tasks-user 42
  tocsin start --mode api --api 127.0.0.1:8080
  tocsin start --mode worker --store esdb://127.0.0.1:2113 --nats nats://127.0.0.1:4222
  tocsin start --once --json
  TOCSIN_NATS=nats://127.0.0.1:4222 tocsin start`,
    start,
    // Mode all starts its own servers.
    {
      useRunFile: ({ mode }) => mode !== 'all',
      isDaemon: ({ once }) => once !== true,
      fatalLine: ({ mode }) => (mode === 'all' ? undefined : fatalLine(process.stdout)),
    },
  );
}

const start: Work<StartOptions> = async (context, options) => {
  const work = await workOf(options.mode);
  return (await work(context, options)) ?? EXIT.done;
};

async function workOf(mode: StartOptions['mode']): Promise<Work<StartOptions>> {
  switch (mode) {
    case 'all':
      return (await import('./start-all.ts')).startAll;
    case 'api':
      return (await import('./start-api.ts')).startApi;
    case 'worker':
    case 'projector':
      return (await import('./start-part.ts')).startPart;
  }
}
