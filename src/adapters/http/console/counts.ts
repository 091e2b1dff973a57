// What pages read from files that a projector or a worker may not have made yet.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import type { ListedRequest } from '../../../projections/audit/history/requests.ts';
import type { ConsoleOptions } from './options.ts';

/** Requests that one look of the feed shows at most. */
const FEED_LIMIT = 50;

/** The newest requests, newest first; none while the projection has no read model. */
export async function newestRequests({
  audit,
}: Pick<ConsoleOptions, 'audit'>): Promise<readonly ListedRequest[]> {
  try {
    await using opened = await audit();
    return (await opened.requests({ limit: FEED_LIMIT })).requests;
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Deliveries by status; `undefined` until a worker has made the list. */
export function deliveryCounts(
  deliveries: Deliveries | undefined,
): Readonly<Record<string, number>> | undefined {
  const groups = listOf(() => deliveries?.groups({}));
  if (groups === undefined) return undefined;
  const counts: Record<string, number> = {};
  for (const { status, count } of groups) counts[status] = (counts[status] ?? 0) + count;
  return counts;
}

/** What a worker's list holds; `undefined` until a worker has made it. */
export function listOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True for a file that a projector or worker has not made yet. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof TocsinError && (error.kind === 'usage' || error.code === 'no_delivery_list')
  );
}
