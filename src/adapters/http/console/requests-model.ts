// The list of requests as pages and JSON show it: the audit's page, with the status of each delivery.
import type { NotificationsModel, RequestRow } from '../../../console/pages/notifications.ts';
import { DELIVERY_STATUSES } from '../../../domain/delivery/effects.ts';
import type { ListedRequest, RequestQuery } from '../../../projections/audit/history/requests.ts';
import type { Deliveries } from '../../../kernel/deliveries.ts';
import { listOf } from './counts.ts';
import type { ConsoleOptions } from './options.ts';
import { boundIn, choiceIn, placeIn, textIn, type Address } from './query.ts';

const VERDICTS = ['published', 'suppressed', 'parked'] as const;

/** The filters as the form has them. */
const TEXTS = ['user', 'type', 'reason', 'target_type', 'target', 'channel'] as const;

/** Pages that a filter by the status of deliveries reads at most: it is applied after the audit's. */
const MAX_PAGES = 4;

export async function requestsModel(
  { audit, deliveries }: Pick<ConsoleOptions, 'audit' | 'deliveries'>,
  address: Address,
  limit: number,
): Promise<Omit<NotificationsModel, 'types'>> {
  const text = (name: (typeof TEXTS)[number]) => textIn(address, name);
  const status = choiceIn(address, 'status', DELIVERY_STATUSES);
  const where: Omit<RequestQuery, 'before'> = {
    user: text('user'),
    triggerType: text('type'),
    verdict: choiceIn(address, 'verdict', VERDICTS),
    reason: text('reason'),
    targetType: text('target_type'),
    targetId: text('target'),
    channel: text('channel'),
    from: boundIn(address, 'from'),
    to: boundIn(address, 'to'),
    limit,
  };
  let before = placeIn(address, 'before');
  await using opened = await audit();
  const requests: RequestRow[] = [];
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
  return { requests, next: before ?? null, searched, filter: filterOf(address) };
}

/** The filters of the address, for the form and the next page. */
function filterOf(address: Address): Readonly<Record<string, string | undefined>> {
  const names = [...TEXTS, 'verdict', 'status', 'from', 'to', 'before'];
  return Object.fromEntries(names.map((name) => [name, textIn(address, name)]));
}

export function withStatus(
  requests: readonly ListedRequest[],
  deliveries: Deliveries | undefined,
): readonly RequestRow[] {
  return requests.map((row) => ({ ...row, status: statusOf(row.notificationId, deliveries) }));
}

function statusOf(id: string | null, deliveries: Deliveries | undefined): string | null {
  return id === null ? null : (listOf(() => deliveries?.find(id))?.status ?? null);
}
