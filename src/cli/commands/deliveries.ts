// `tocsin deliveries`: lists and shows deliveries, and redrives one; lists and releases muted requests.
import { Option, type Command } from 'commander';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { deliveryCodec } from '../../domain/delivery/events.ts';
import { DELIVERY_STATUSES, type DeliveryStatus } from '../../domain/delivery/effects.ts';
import { deliveryContext } from '../../kernel/processes/delivery/processes.ts';
import { changeDelivery } from '../../kernel/processes/delivery/delivery-decider.ts';
import type { DeliveryRow } from '../../kernel/processes/delivery/delivery-index.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import { openReader, openStore } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { usageError } from '../config/usage-error.ts';
import { register, wholeNumber, type Work } from './command.ts';
import { releaseCommands } from './release.ts';

type ListOptions = {
  readonly user?: string;
  readonly status?: DeliveryStatus;
  readonly before?: number;
  readonly limit: number;
};
type OneOptions = { readonly id: string; readonly reason: string };

export function deliveriesCommand(program: Command): void {
  const deliveries = program
    .command('deliveries')
    .description('list, show and redrive deliveries; release muted requests');
  register(
    deliveries
      .command('list')
      .description('list the deliveries of this worker, newest first')
      .option('--user <ID>', 'only deliveries of this user')
      .addOption(
        new Option('--status <STATUS>', 'only deliveries in this state').choices(DELIVERY_STATUSES),
      )
      .option('--limit <N>', 'at most this many, up to 1,000', wholeNumber, 50)
      .option('--before <NUMBER>', 'only deliveries before this number in the list', wholeNumber),
    ['worker'],
    'Example:\n  tocsin deliveries list --status dead --json',
    list,
  );
  register(
    deliveries.command('show <ID>').description('show one delivery with its events'),
    ['store', 'worker'],
    'Example:\n  tocsin deliveries show 6072f595-6a17-5132-a9b1-daa475c1b68e',
    show,
  );
  register(
    deliveries
      .command('redrive <ID>')
      .description('send a dead or skipped notification again; recorded in the log')
      .option(
        '--reason <TEXT>',
        'the reason; recorded in the log',
        'asked for on the command line',
      ),
    ['store', 'worker'],
    'Example:\n  tocsin deliveries redrive 6072f595-6a17-5132-a9b1-daa475c1b68e --reason "URL repaired"',
    redrive,
  );
  releaseCommands(deliveries);
}

const list: Work<ListOptions> = ({ config, terminal }, { user, status, before, limit }) => {
  using index = openDeliveryIndexReader(deliveriesFile(config), { snapshot: true });
  const rows = index.list({ userId: user, status, before, limit });
  terminal.print({ deliveries: rows.map(documentOf), counts: index.counts() });
  for (const row of rows) {
    const { notificationId, userId, status: state, attempts, reason } = row;
    const why = reason === null ? '' : `  ${reason}`;
    terminal.say(`${notificationId}  user ${userId}  ${state}  ${attempts} attempts${why}`);
  }
  if (rows.length === 0) terminal.say('No deliveries.');
  return Promise.resolve();
};

const show: Work<OneOptions> = async ({ config, terminal }, { id }) => {
  const row = rowOf(config, id);
  await using log = await openReader(config);
  const events: object[] = [];
  const lines: string[] = [];
  for await (const page of log.readStream(row.stream, { direction: 'forwards' })) {
    for (const recorded of page) {
      const { type, revision, data } = recorded;
      const decoded = deliveryCodec.decode(recorded);
      const at = decoded.kind === 'event' ? formatInstant(decoded.metadata.recordedAt) : '?';
      events.push({ revision, type, recordedAt: at, data });
      lines.push(`${at}  ${type}  ${JSON.stringify(data)}`);
    }
  }
  terminal.print({ ...documentOf(row), events });
  terminal.say(`${id}  user ${row.userId}  ${row.triggerType}  ${row.status}`);
  for (const line of lines) terminal.say(`  ${line}`);
};

const redrive: Work<OneOptions> = async ({ config, terminal }, { id, reason }) => {
  const { stream } = rowOf(config, id);
  await using store = await openStore(config, 'tocsin deliveries redrive');
  const records = deliveryContext({ store, actor: 'cli' });
  const result = await changeDelivery(records, stream, { kind: 'redrive', reason, of: 'ended' });
  if (!result.ok) {
    const { code, message } = result.error;
    const only = 'Only a dead or skipped delivery before its expiry can be redriven.';
    throw usageError(code, `${id}: ${message}`, `See tocsin deliveries show. ${only}`);
  }
  terminal.print({ notificationId: id, redriven: true });
  terminal.say(`${id} will be sent again when a worker runs.`);
};

function rowOf(config: Config, id: string): DeliveryRow {
  using index = openDeliveryIndexReader(deliveriesFile(config));
  const row = index.get(id);
  if (row !== undefined) return row;
  const hint = 'See tocsin deliveries list. --worker names the folder of the worker.';
  throw usageError('unknown_delivery', 'no delivery has that id', hint);
}

function documentOf({ dueAt, requestedAt, expiresAt, ...row }: DeliveryRow): object {
  return {
    ...row,
    dueAt: dueAt === null ? null : formatInstant(dueAt),
    requestedAt: formatInstant(requestedAt),
    expiresAt: formatInstant(expiresAt),
  };
}
