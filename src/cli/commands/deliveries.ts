// `tocsin deliveries`: lists, counts, shows and redrives deliveries; lists and releases muted requests.
import { Option, type Command } from 'commander';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { deliveryCodec } from '../../domain/delivery/events.ts';
import { DELIVERY_STATUSES, type DeliveryStatus } from '../../domain/delivery/effects.ts';
import type { DeliveryRow } from '../../kernel/processes/delivery/delivery-index.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import { openReader } from '../compose/compose.ts';
import { register, wholeNumber, type Work } from './command.ts';
import { filterOf, filterOptions, rowOf, type FilterOptions } from './deliveries-filter.ts';
import { redriveCommand } from './deliveries-redrive.ts';
import { releaseCommands } from './release.ts';

type ListOptions = FilterOptions & {
  readonly status?: DeliveryStatus;
  readonly before?: number;
  readonly limit: number;
};

/** Groups that are shown to people. */
const SHOWN_GROUPS = 20;

export function deliveriesCommand(program: Command): void {
  const deliveries = program
    .command('deliveries')
    .description('list, show and redrive deliveries; release muted requests');
  register(
    filterOptions(
      deliveries
        .command('list')
        .description('list the deliveries of this worker, newest first, and count them by reason')
        .addOption(
          new Option('--status <STATUS>', 'only deliveries in this state').choices(
            DELIVERY_STATUSES,
          ),
        ),
      'only deliveries with this code as their reason',
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
  redriveCommand(deliveries);
  releaseCommands(deliveries);
}

const list: Work<ListOptions> = ({ config, terminal }, { status, before, limit, ...options }) => {
  const filter = { ...filterOf(options), status };
  using index = openDeliveryIndexReader(deliveriesFile(config), { snapshot: true });
  const rows = index.list({ ...filter, before, limit });
  const groups = index.groups(filter);
  terminal.print({ deliveries: rows.map(documentOf), counts: index.counts(), groups });
  for (const row of rows) {
    const { notificationId, userId, status: state, attempts, reason } = row;
    const why = reason === null ? '' : `  ${reason}`;
    terminal.say(`${notificationId}  user ${userId}  ${state}  ${attempts} attempts${why}`);
  }
  if (rows.length === 0) terminal.say('No deliveries.');
  for (const { status: state, channel, reason, count } of groups.slice(0, SHOWN_GROUPS)) {
    terminal.say(`${count} ${state}  ${channel}${reason === null ? '' : `  ${reason}`}`);
  }
  if (groups.length > SHOWN_GROUPS) terminal.say(`${groups.length - SHOWN_GROUPS} more kinds`);
  return Promise.resolve();
};

const show: Work<{ readonly id: string }> = async ({ config, terminal }, { id }) => {
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

function documentOf({ dueAt, requestedAt, expiresAt, changedAt, ...row }: DeliveryRow): object {
  return {
    ...row,
    dueAt: dueAt === null ? null : formatInstant(dueAt),
    requestedAt: formatInstant(requestedAt),
    expiresAt: formatInstant(expiresAt),
    changedAt: formatInstant(changedAt),
  };
}
