// The options that choose deliveries, and the lookup of one delivery by its id.
import type { Command } from 'commander';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { parseDuration } from '../../domain/core/durations.ts';
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import type {
  DeliveryFilter,
  DeliveryRow,
} from '../../kernel/processes/delivery/delivery-index.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import type { Config } from '../config/config.ts';
import { usageError } from '../config/usage-error.ts';

export type FilterOptions = {
  readonly user?: string;
  readonly channel?: string;
  readonly since?: string;
  readonly reason?: string;
};

export function filterOptions(command: Command, reason: string): Command {
  return command
    .option('--user <ID>', 'only deliveries of this user')
    .option('--channel <NAME>', 'only deliveries to this channel')
    .option(
      '--since <TIME>',
      'only deliveries that came into their state since then: a duration such as 2h, or an RFC 3339 instant',
    )
    .option('--reason <CODE>', reason);
}

/** @throws TocsinError `usage` for a time or a code that is none */
export function filterOf({
  user,
  channel,
  since,
  reason,
}: FilterOptions): Omit<DeliveryFilter, 'status'> {
  if (reason !== undefined && !/^[a-z0-9_]{1,64}$/.test(reason)) {
    const hint = 'See the reasons in tocsin deliveries list. --because takes a text for the log.';
    throw usageError('invalid_reason', `--reason "${reason}" is not a code`, hint);
  }
  return { userId: user, channel, reason, since: sinceOf(since) };
}

function sinceOf(text: string | undefined): Instant | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined) return Date.now() - ms;
  const instant = parseInstant(text);
  if (instant.ok) return instant.value;
  const hint = 'Use a duration such as 2h, or an RFC 3339 instant.';
  throw usageError('invalid_since', `--since ${instant.error}`, hint);
}

export function rowOf(config: Config, id: string): DeliveryRow {
  using index = openDeliveryIndexReader(deliveriesFile(config));
  const row = index.get(id);
  if (row !== undefined) return row;
  const hint = 'See tocsin deliveries list. --worker names the folder of the worker.';
  throw usageError('unknown_delivery', 'no delivery has that id', hint);
}
