// `tocsin project`: runs the projection as a daemon, or once until the end of the log.
import type { Command } from 'commander';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { observedStore } from '../../adapters/telemetry/observed-store.ts';
import { silentLogger } from '../../domain/ports/logger.ts';
import type { RecoveryMode } from '../../projections/publisher/context.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import { noTelemetry } from '../../domain/ports/telemetry.ts';
import { openOutputProjector, openStore } from '../compose/compose.ts';
import { watchHead } from '../compose/log-head.ts';
import type { serveProjectorHealth } from '../compose/serve-health.ts';
import { daemonLogger, fatalLine } from '../compose/daemon-logger.ts';
import { openTelemetry } from '../compose/telemetry.ts';
import { partBoard } from '../../kernel/processes/part-board.ts';
import { EXIT, rate, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { NATS_SETTINGS, TELEMETRY_SETTINGS } from '../config/settings.ts';
import { usageError } from '../config/usage-error.ts';
import { ARCHIVE_OPTION, archivesOf, type ArchiveOption } from './archive-option.ts';
import { register, type Work } from './command.ts';

type Options = ArchiveOption & {
  readonly once?: true;
  readonly standby?: true;
  readonly fromStart?: true;
  readonly fromNow?: true;
  readonly adoptTail?: true;
  readonly resendFrom?: string;
  readonly reason?: string;
};

export function projectCommand(program: Command): void {
  register(
    program
      .command('project')
      .description(
        'project events to messages: as a daemon, or with --once until the end of the log',
      )
      .option('--once', 'stop at the current end of the log')
      .option('--standby', 'publish only when no other projector publishes (needs its own --state)')
      .option('--from-start', 'first start on an old log: publish all of it')
      .option('--from-now', 'publish only later events; recorded in the log')
      .option(
        '--adopt-tail',
        'accept the stream’s last message and continue after it; recorded in the log',
      )
      .option(
        '--resend-from <POSITION>',
        'publish again all events after this position; recorded in the log',
      )
      .option('--reason <TEXT>', 'the reason; recorded in the log')
      .option(...ARCHIVE_OPTION),
    [
      'store',
      ...NATS_SETTINGS,
      'state',
      'name',
      'source',
      'messageKeyFile',
      'http',
      'logLevel',
      ...TELEMETRY_SETTINGS,
    ],
    `The daemon logs JSON lines and serves /health/live, /health/ready and /metrics (--http). It retries during
an outage for ever. If it could lose or double notifications, it stops with exit code 4 and names the
options above that let it continue.

Examples:
  tocsin project --store embedded:var/store.db --nats nats://127.0.0.1:4222
  tocsin project --once --json
  tocsin project --standby --state var/standby.db`,
    project,
    {
      isDaemon: ({ once }) => once !== true,
      fatalLine: ({ once }) => (once === true ? undefined : fatalLine(process.stdout)),
    },
  );
}

const project: Work<Options> = async ({ config, terminal, signal, wasInterrupted }, options) => {
  const recoveryMode = recoveryModeOf(options);
  const logger = options.once === true ? silentLogger : daemonLogger(config);
  await using opened =
    options.once === true ? undefined : await openTelemetry(config, 'tocsin-projector');
  const telemetry = opened?.telemetry ?? noTelemetry;
  await using unobserved = await openStore(config, 'tocsin project', logger);
  const store = observedStore(unobserved, telemetry);
  using state = sqliteReadModel({ file: config.state, owner: 'tocsin project' });
  const archives = archivesOf(options);
  const parts = { store, state, archives, logger, telemetry, actor: 'tocsin project' };
  const board = partBoard(['nats'], logger);
  const projector = await openOutputProjector(config, parts, board.reportOf('nats'));
  const run = {
    standby: options.standby === true,
    ...(recoveryMode === undefined ? {} : { recoveryMode }),
  };
  if (opened === undefined) {
    await once(projector, terminal, run, signal);
    return wasInterrupted() ? EXIT.interrupted : EXIT.done;
  }
  const committed = () => projector.status().committed;
  await using head = watchHead({ store, kernel: config.name, committed, logger });
  await using health = await serveHealth(projector, board.status, config.http, opened, {
    head: head.facts,
  });
  board.started('nats');
  logger.info({ http: health.url, state: config.state }, 'projector started');
  await projector.run(signal, run);
  logger.info({ committed: projector.status().outputSequence }, 'projector stopped');
  return EXIT.done;
};

/** Metrics and their server take a while to load, and only the daemon needs them. */
async function serveHealth(...options: Parameters<typeof serveProjectorHealth>) {
  return (await import('../compose/serve-health.ts')).serveProjectorHealth(...options);
}

async function once(
  projector: Projector,
  terminal: Terminal,
  run: { readonly standby: boolean; readonly recoveryMode?: RecoveryMode },
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const from = projector.status().totals.events;
  const ticker = setInterval(() => {
    terminal.progress(() => {
      const events = projector.status().totals.events - from;
      return `${events.toLocaleString('en')} events, ${rate(events, startedAt)}`;
    });
  }, 200);
  try {
    const summary = await projector.once(run, signal);
    const seconds = secondsSince(startedAt);
    terminal.print({ ...summary, seconds });
    terminal.say(
      `${summary.events} events: ${summary.triggered} triggers and ${summary.published} notifications ` +
        `published, ${summary.suppressed} suppressed, ${summary.parked} parked ` +
        `(output sequence ${summary.outputSequence}, ${seconds} s)`,
    );
  } finally {
    clearInterval(ticker);
  }
}

function recoveryModeOf(options: Options): RecoveryMode | undefined {
  const { reason } = options;
  const why = reason === undefined ? {} : { reason };
  const modes: RecoveryMode[] = [];
  if (options.fromStart === true) modes.push({ kind: 'from_start', ...why });
  if (options.fromNow === true) modes.push({ kind: 'from_now', ...why });
  if (options.adoptTail === true) modes.push({ kind: 'adopt_tail', ...why });
  const { resendFrom: position } = options;
  if (position !== undefined) modes.push({ kind: 'resend_from', position, ...why });
  if (modes.length <= 1) return modes[0];
  const hint = 'Choose one of --from-start, --from-now, --adopt-tail and --resend-from.';
  throw usageError('several_ways', 'more than one recovery option was given', hint);
}
