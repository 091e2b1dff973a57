// `tocsin notary`: signs heads of the log's Merkle tree and gives them away.
import { setPriority } from 'node:os';
import type { Command } from 'commander';
import { jsonLogger } from '../../adapters/logging/pino.ts';
import type { DaemonTelemetry } from '../../adapters/telemetry/daemon-telemetry.ts';
import { silentLogger } from '../../domain/ports/logger.ts';
import { partBoard } from '../../kernel/processes/part-board.ts';
import type { ArchiveSource } from '../../projections/archive/format.ts';
import { headOf } from '../../projections/audit/reading/reading.ts';
import { openReader } from '../compose/compose.ts';
import { openConfiguredNotary } from '../compose/notary.ts';
import type { HealthServer, Parts } from '../compose/serve-health.ts';

import { NATS_SETTINGS, NOTARY_SETTINGS, TELEMETRY_SETTINGS } from '../config/settings.ts';
import type { Config } from '../config/config.ts';
import { EXIT, type Terminal } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, archivesOf, type ArchiveOption } from './archive-option.ts';
import { headsOf } from './audit-heads.ts';
import { register, type Context, type Work } from './command.ts';
import { notaryKeyCommand } from './notary-key.ts';

type Options = ArchiveOption & { readonly once?: true; readonly after?: string };

/** Another process of the machine that needs the processor goes first. */
const NICE = 10;

export function notaryCommand(program: Command): void {
  const command = program
    .command('notary')
    // Options after a subcommand belong to the subcommand.
    .enablePositionalOptions()
    .description('sign heads of the log’s Merkle tree and give them away, so that others can check')
    .option(...ARCHIVE_OPTION)
    .option('--once', 'read to the end of the log, sign a head, give it away and exit')
    .option(
      '--after <HEADS>',
      'after a restore: the newest heads that anybody holds (with --once)',
    );
  register(
    command,
    [
      'store',
      ...NATS_SETTINGS,
      ...NOTARY_SETTINGS,
      'name',
      'http',
      ...TELEMETRY_SETTINGS,
      'logLevel',
    ],
    `The daemon reads the log of all streams of the kernel and signs a head {store, size, position, root, time}
each minute while the log grows. It appends heads to --heads, and publishes or posts them. Keep copies of the
heads where whoever can write to the log cannot write: "audit verify --head" compares the log with them. It
never signs a head that is inconsistent with an earlier one: then it stops with exit code 4.

tocsin start runs a notary too, with these settings. Two notaries need a --notary each. A notary that was restored from
a backup signs nothing before --once --after has told it the newest head that anybody holds.

Examples:
  tocsin notary --heads /mnt/elsewhere/heads.ndjson --heads-webhook https://witness.example/heads
  tocsin notary --once --json > head.json`,
    notary,
    { isDaemon: ({ once }) => once !== true },
  );
  notaryKeyCommand(command);
}

const notary: Work<Options> = async (context, options) => {
  const archives = archivesOf(options);
  if (options.once === true) return signOnce(context, options.after, archives);
  const { config, signal } = context;
  setPriority(NICE);
  const logger = jsonLogger({ level: config.logLevel });
  const board = partBoard(['notary'], logger);
  await using telemetry = await openDaemonTelemetry(config);
  await using log = await openReader(config);
  const probe = () => headOf(log, config.name);
  using opened = await openConfiguredNotary(config, {
    ...{ log, archives, logger, owner: 'tocsin notary' },
    telemetry: telemetry.telemetry,
  });
  await using health = await serveHealth(probe, board.status, config.http, telemetry);
  board.started('notary');
  logger.info({ http: health.url, heads: config.notary.heads }, 'notary started');
  await opened.run(signal, board.reportOf('notary'));
  logger.info({}, 'notary stopped');
  return EXIT.done;
};

/** Metrics and their server take a while to load, and only the daemon needs them. */
async function openDaemonTelemetry(config: Config) {
  const { openTelemetry } = await import('../compose/telemetry.ts');
  return openTelemetry(config, 'tocsin-notary');
}

async function serveHealth(
  probe: () => Promise<unknown>,
  parts: Parts,
  address: Config['http'],
  telemetry: DaemonTelemetry,
): Promise<HealthServer> {
  const { serveStoreHealth } = await import('../compose/serve-health.ts');
  return serveStoreHealth(probe, parts, address, telemetry);
}

async function signOnce(
  { config, terminal, signal }: Context,
  heads: string | undefined,
  archives: readonly ArchiveSource[],
): Promise<number> {
  const after =
    heads === undefined ? {} : { after: (await headsOf(config, heads, undefined)).last };
  await using log = await openReader(config);
  const parts = { log, archives, logger: silentLogger, owner: 'tocsin notary --once', ...after };
  using opened = await openConfiguredNotary(config, parts);
  const head = await opened.once(signal);
  if (signal.aborted) return EXIT.interrupted;
  if (head === undefined) {
    terminal.print({ size: 0 });
    terminal.say('The log is empty: there is nothing to sign.');
    return EXIT.done;
  }
  // The document is the head, so that it can be kept as it is.
  terminal.print(head);
  sayHead(terminal, head);
  return EXIT.done;
}

function sayHead(
  { say }: Terminal,
  {
    size,
    position,
    root,
    time,
    key,
  }: Readonly<Record<'position' | 'root' | 'time' | 'key', string>> & {
    readonly size: number;
  },
): void {
  say(`head of ${size} leaves, up to ${position}, signed ${time}`, `root ${root}`, `key  ${key}`);
}
