// What happened in each minute of the last hour or day, as read model and list of deliveries have counted it.
import type { Minute, Series } from '../../../console/pages/now.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { listOf } from './counts.ts';
import type { ConsoleOptions, OpenedAudit } from './options.ts';

const MINUTE_MS = 60_000;

export const MINUTE_SPANS = { hour: 60, day: 24 * 60 } as const;

export type MinuteSpan = keyof typeof MINUTE_SPANS;

/** @param until its minute is the last */
export function minutesModel(
  audit: Pick<OpenedAudit, 'perMinute'>,
  deliveries: ConsoleOptions['deliveries'],
  span: MinuteSpan,
  until: Instant,
): readonly Minute[] {
  const wanted = MINUTE_SPANS[span];
  const end = (Math.floor(until / MINUTE_MS) + 1) * MINUTE_MS;
  const from = end - wanted * MINUTE_MS;
  const counts = new Map<Instant, Record<Series, number>>();
  const add = (minute: Instant, series: Series, by: number): void => {
    const own = counts.get(minute) ?? nothing();
    counts.set(minute, own);
    own[series] += by;
  };
  for (const { minute, verdict, requests } of audit.perMinute(from, end)) {
    add(minute, 'requests', requests);
    add(minute, verdict, requests);
  }
  for (const { minute, status, count } of listOf(() => deliveries?.perMinute(from, end)) ?? []) {
    if (status === 'delivered') add(minute, 'delivered', count);
    if (status === 'dead' || status === 'expired') add(minute, 'failed', count);
  }
  return Array.from({ length: wanted }, (_, n) => {
    const at = from + n * MINUTE_MS;
    return { at, ...(counts.get(at) ?? nothing()) };
  });
}

function nothing(): Record<Series, number> {
  return { requests: 0, published: 0, suppressed: 0, delivered: 0, failed: 0 };
}
