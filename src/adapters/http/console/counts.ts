// What the pulse of the console counts: totals of the read model and of the list of deliveries.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import type { ListedRequest } from '../../../projections/audit/history/requests.ts';
import type { ConsoleOptions } from './options.ts';
import type { Totals } from './pulse.ts';

/** Requests that one look of the feed shows at most. */
const FEED_LIMIT = 50;

export function countsOf({ audit, deliveries }: Pick<ConsoleOptions, 'audit' | 'deliveries'>) {
  return {
    totals: (): Promise<Totals | undefined> =>
      unlessMissing(async () => {
        await using opened = await audit();
        const { published, suppressed } = opened.totals();
        const statuses = deliveryCounts(deliveries) ?? {};
        const { delivered = 0, dead = 0, expired = 0 } = statuses;
        return { published, suppressed, delivered, failed: dead + expired };
      }),
    newest: async (): Promise<readonly ListedRequest[]> =>
      (await unlessMissing(async () => {
        await using opened = await audit();
        return (await opened.requests({ limit: FEED_LIMIT })).requests;
      })) ?? [],
  };
}

/** Deliveries by status; `undefined` until a worker has made the list. */
export function deliveryCounts(
  deliveries: Deliveries | undefined,
): Readonly<Record<string, number>> | undefined {
  try {
    const counts: Record<string, number> = {};
    for (const { status, count } of deliveries?.groups({}) ?? []) {
      counts[status] = (counts[status] ?? 0) + count;
    }
    return deliveries === undefined ? undefined : counts;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** `undefined` while the projection has no read model yet. */
async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
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
