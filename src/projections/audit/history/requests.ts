// Lists requests for notifications with their verdicts, newest first. A page reads a bounded number of rows and
// events, so its cost does not depend on the length of the log.
import { TocsinError } from '../../../domain/core/errors.ts';
import { formatInstant, parseInstant, type Instant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import type { VerdictRow } from '../../read-model.ts';
import { requestOf, type StreamReader } from '../explain/events.ts';
import type { NumberedVerdict, VerdictPages, VerdictPlace } from '../reading/ports.ts';

/** Which requests; all that is absent matches. */
export type RequestFilter = {
  readonly user?: string | undefined;
  readonly triggerType?: string | undefined;
  readonly verdict?: VerdictRow['verdict'] | undefined;
  /** The reason code of the verdict. */
  readonly reason?: string | undefined;
  readonly targetType?: string | undefined;
  readonly targetId?: string | undefined;
  readonly channel?: string | undefined;
  /** Bounds of the start of the request's window: from the first, before the second. */
  readonly from?: Instant | undefined;
  readonly to?: Instant | undefined;
};

/** A page of {@link RequestFilter}. */
export type RequestQuery = RequestFilter & {
  /** The `next` of the previous page. Default: the newest. */
  readonly before?: string | undefined;
  /** 1 to 200. */
  readonly limit: number;
};

/** A request for a notification and its verdict. What the log's event cannot tell is null. */
export type ListedRequest = Pick<VerdictRow, 'verdict' | 'reason' | 'basis'> & {
  readonly triggerId: string | null;
  readonly userId: string | null;
  readonly triggerType: string | null;
  readonly targetType: string | null;
  readonly targetId: string | null;
  readonly channel: string | null;
  /** When it happened, according to the producer; and when the kernel recorded the request. */
  readonly happenedAt: string | null;
  readonly recordedAt: string | null;
  readonly windowStart: string | null;
  readonly notificationId: string | null;
  readonly position: string;
  /** Its place in this list, as `before` takes it. */
  readonly place: string;
};

export type RequestPage = {
  readonly requests: readonly ListedRequest[];
  /** The `before` of the next page; null at the end. */
  readonly next: string | null;
  /** How many requests were compared with the filter. */
  readonly searched: number;
};

export type HistorySources = { readonly log: StreamReader; readonly verdicts: VerdictPages };

/** Rows are read in portions of so many. */
const PORTION = 200;
/** The most rows that a page compares, and the most events that it reads. */
const MAX_ROWS = 10_000;
const MAX_EVENTS = 400;
const READ_AT_ONCE = 50;
const MAX_LIMIT = 200;

/** A page of requests: of one user by the start of their windows, else in the order of the decisions. */
export async function listRequests(
  { log, verdicts }: HistorySources,
  query: RequestQuery,
): Promise<RequestPage> {
  const { user, limit } = query;
  const most = Math.min(Math.max(1, Math.trunc(limit)), MAX_LIMIT);
  const requests: ListedRequest[] = [];
  let place = query.before === undefined ? undefined : placeNamed(query.before);
  let [searched, events] = [0, 0];
  while (searched < MAX_ROWS) {
    const portion = verdicts.verdictsBefore({ user, place, limit: PORTION });
    const last = portion.at(-1);
    // A user's rows come by their windows: after a row before the span all are before it.
    const isLast =
      portion.length < PORTION ||
      last === undefined ||
      (user !== undefined && isBefore(last.row, query.from));
    searched += portion.length;
    for (const group of inGroups(portion.filter(({ row }) => matchesRow(row, query)))) {
      const listed = await Promise.all(group.map((numbered) => listedOf(log, numbered)));
      events += group.length;
      for (const request of listed) {
        if (!matchesEvent(request, query)) continue;
        requests.push(request);
        if (requests.length < most) continue;
        const isEnd = isLast && last !== undefined && request.place === formatPlace(placeOf(last));
        return { requests, next: isEnd ? null : request.place, searched };
      }
      const next = listed.at(-1)?.place;
      if (events >= MAX_EVENTS && next !== undefined) return { requests, next, searched };
    }
    if (isLast) return { requests, next: null, searched };
    place = placeOf(last);
  }
  return { requests, next: place === undefined ? null : formatPlace(place), searched };
}

function inGroups<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / READ_AT_ONCE);
  return Array.from({ length: count }, (_, n) =>
    items.slice(n * READ_AT_ONCE, (n + 1) * READ_AT_ONCE),
  );
}

function matchesRow(row: VerdictRow, filter: RequestFilter): boolean {
  const { triggerType, verdict, reason, from, to } = filter;
  if (triggerType !== undefined && row.triggerType !== triggerType) return false;
  if (verdict !== undefined && row.verdict !== verdict) return false;
  if (reason !== undefined && row.reason !== reason) return false;
  if (from === undefined && to === undefined) return true;
  const start = row.windowStart;
  return start !== null && start >= (from ?? -Infinity) && start < (to ?? Infinity);
}

function isBefore({ windowStart }: VerdictRow, from: Instant | undefined): boolean {
  return from !== undefined && windowStart !== null && windowStart < from;
}

function matchesEvent(listed: ListedRequest, filter: RequestFilter): boolean {
  const fields = ['targetType', 'targetId', 'channel'] as const;
  return fields.every((name) => filter[name] === undefined || filter[name] === listed[name]);
}

async function listedOf(log: StreamReader, numbered: NumberedVerdict): Promise<ListedRequest> {
  const { row } = numbered;
  const request = await requestOf(log, row);
  const data = request?.data;
  return {
    triggerId: data?.triggerId ?? null,
    userId: row.user,
    triggerType: row.triggerType,
    targetType: data?.targetType ?? null,
    targetId: data?.targetId ?? null,
    channel: data?.channel ?? null,
    happenedAt: data === undefined ? null : formatInstant(data.triggerRequestedAt),
    recordedAt: request === undefined ? null : formatInstant(request.found.metadata.recordedAt),
    windowStart: row.windowStart === null ? null : formatInstant(row.windowStart),
    verdict: row.verdict,
    reason: row.reason,
    basis: row.basis,
    notificationId: row.messageId,
    position: formatPosition(row.position),
    place: formatPlace(placeOf(numbered)),
  };
}

function placeNamed(text: string): VerdictPlace {
  const place = parsePlace(text);
  if (place !== undefined) return place;
  throw new TocsinError('usage', 'invalid_place', `before: ${JSON.stringify(text)} is no place`, {
    hint: 'Give the next of the page before it, or leave it out.',
  });
}

function placeOf({ row, number }: NumberedVerdict): VerdictPlace {
  return { number, windowStart: row.windowStart ?? 0 };
}

function formatPlace({ number, windowStart }: VerdictPlace): string {
  return `${number}-${windowStart < 0 ? `m${-windowStart}` : windowStart}`;
}

/** `undefined` for a text that is no place. */
export function parsePlace(text: string): VerdictPlace | undefined {
  const match = /^(\d{1,18})-(m?)(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  const windowStart = Number(match[3]) * (match[2] === 'm' ? -1 : 1);
  return { number: BigInt(match[1] ?? '0'), windowStart };
}

/** A filter's bound as people type it: RFC 3339, or a date, which is its beginning in UTC. */
export function parseBound(text: string): Instant | undefined {
  const whole = /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
  const parsed = parseInstant(whole);
  return parsed.ok ? parsed.value : undefined;
}
