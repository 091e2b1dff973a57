// The list of requests as pages and JSON show it: the audit's page, with the status of each delivery.
import { z } from 'zod';
import type { NotificationsModel, RequestRow } from '../../../console/pages/notifications.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import {
  parseBound,
  type ListedRequest,
  type RequestQuery,
} from '../../../projections/audit/history/requests.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import { isMissing } from './counts.ts';
import type { ConsoleOptions } from './options.ts';
import { QueryText } from './query-text.ts';

const Query = z.object({
  user: QueryText,
  type: QueryText,
  verdict: z.enum(['published', 'suppressed', 'parked']).optional().catch(undefined),
  reason: QueryText,
  target_type: QueryText,
  target: QueryText,
  channel: QueryText,
  status: z.enum(DELIVERY_STATUSES).optional().catch(undefined),
  from: QueryText,
  to: QueryText,
  before: QueryText,
});

/** Pages that a filter by the status of deliveries reads at most: it is applied after the audit's. */
const MAX_PAGES = 4;

export async function requestsModel(
  { audit, deliveries }: Pick<ConsoleOptions, 'audit' | 'deliveries'>,
  address: Readonly<Record<string, string>>,
  limit: number,
): Promise<Omit<NotificationsModel, 'types'>> {
  const filter = Query.parse(address);
  const { user, verdict, reason, channel, status } = filter;
  const where: Omit<RequestQuery, 'before'> = {
    ...{ user, verdict, reason, channel, limit },
    triggerType: filter.type,
    targetType: filter.target_type,
    targetId: filter.target,
    from: parseBound(filter.from ?? ''),
    to: parseBound(filter.to ?? ''),
  };
  await using opened = await audit();
  const requests: RequestRow[] = [];
  let before = filter.before;
  let searched = 0;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page = await opened.requests({ ...where, limit: limit - requests.length, before });
    searched += page.searched;
    for (const row of withStatus(page.requests, deliveries)) {
      if (status === undefined || row.status === status) requests.push(row);
    }
    before = page.next ?? undefined;
    const isEnough = status === undefined || requests.length >= limit;
    if (before === undefined || isEnough) break;
  }
  return { requests, next: before ?? null, searched, filter };
}

export function withStatus(
  requests: readonly ListedRequest[],
  deliveries: Deliveries | undefined,
): readonly RequestRow[] {
  return requests.map((row) => ({ ...row, status: statusOf(row.notificationId, deliveries) }));
}

function statusOf(id: string | null, deliveries: Deliveries | undefined): string | null {
  if (id === null) return null;
  try {
    return deliveries?.find(id)?.status ?? null;
  } catch (error) {
    // No worker has made the list yet.
    if (isMissing(error)) return null;
    throw error;
  }
}
