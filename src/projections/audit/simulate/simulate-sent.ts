// Compares the sent notifications of two histories: users, days, gaps, and minutes with more notifications than the
// channel accepts. It reads each history in order, so memory does not grow with its length.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Axis } from '../../../domain/policy/policy.ts';
import type { SentNotification } from '../../read-model.ts';
import type { SentHistory } from '../reading/ports.ts';
import { inTurns } from '../../publisher/turns.ts';

/** The time between two successive notifications of one user and type. */
export type Gap = {
  readonly ms: number;
  readonly user: string;
  readonly triggerType: string;
  readonly at: Instant;
};

export type SentFigures = {
  readonly usersNotified: number;
  readonly shortestGap: Gap | undefined;
  readonly peakMinute: { readonly notices: number; readonly minute: Instant } | undefined;
  /** Minutes with more notifications than the channel accepts. */
  readonly minutesOverLimit: number;
};

/** Notifications of a user or a day in each history. */
export type Pair = { readonly before: number; readonly after: number };

export type SentCompared = {
  readonly before: SentFigures;
  readonly after: SentFigures;
  readonly users: {
    /** Users who would get more, fewer, or as many. */
    readonly more: number;
    readonly fewer: number;
    readonly same: number;
    /** The users with the largest differences. */
    readonly largest: readonly (Pair & { readonly user: string })[];
  };
  /** Every day (UTC) with notifications in one of the histories, in order. */
  readonly days: readonly (Pair & { readonly day: Instant })[];
};

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const USERS_SHOWN = 20;

export async function compareSent(
  sides: { readonly before: SentHistory; readonly after: SentHistory },
  axis: Axis,
  limitPerMinute: number,
): Promise<SentCompared> {
  const before: Notified = { usersNotified: 0, shortestGap: undefined };
  const after: Notified = { ...before };
  const users = await compareUsers(
    joined(countsByUser(sides.before, axis, before), countsByUser(sides.after, axis, after)),
  );
  const days = new Map<Instant, { before: number; after: number }>();
  const minutes = {
    before: await minutesOf(sides.before, axis, limitPerMinute, days, 'before'),
    after: await minutesOf(sides.after, axis, limitPerMinute, days, 'after'),
  };
  return {
    before: { ...before, ...minutes.before },
    after: { ...after, ...minutes.after },
    users,
    days: [...days].sort(([a], [b]) => a - b).map(([day, pair]) => ({ day, ...pair })),
  };
}

type Notified = { -readonly [K in 'usersNotified' | 'shortestGap']: SentFigures[K] };

/** The notifications of each user, in the order of the users; `figures` gets the figures of the whole history. */
function* countsByUser(
  history: SentHistory,
  axis: Axis,
  figures: Notified,
): Generator<readonly [user: string, sent: number], void, undefined> {
  let previous: SentNotification | undefined;
  let count = 0;
  for (const sent of history.sentNotificationsBy('subject', axis)) {
    const { user, triggerType, [axis]: at } = sent;
    if (previous !== undefined && previous.user !== user) {
      yield [previous.user, count];
      count = 0;
    } else if (previous?.triggerType === triggerType) {
      const ms = at - previous[axis];
      if (ms < (figures.shortestGap?.ms ?? Infinity)) {
        figures.shortestGap = { ms, user, triggerType, at };
      }
    }
    if (count === 0) figures.usersNotified += 1;
    count += 1;
    previous = sent;
  }
  if (previous !== undefined) yield [previous.user, count];
}

async function compareUsers(
  pairs: Iterable<Pair & { readonly user: string }>,
): Promise<SentCompared['users']> {
  const counts = { more: 0, fewer: 0, same: 0 };
  let largest: (Pair & { readonly user: string })[] = [];
  for await (const batch of inTurns(pairs)) {
    for (const pair of batch) {
      const difference = pair.after - pair.before;
      if (difference === 0) counts.same += 1;
      else counts[difference > 0 ? 'more' : 'fewer'] += 1;
      if (difference !== 0) largest.push(pair);
    }
    largest = topOf(largest);
  }
  return { ...counts, largest };
}

function topOf<T extends Pair>(pairs: readonly T[]): T[] {
  const size = ({ before, after }: Pair): number => Math.abs(after - before);
  return pairs.toSorted((a, b) => size(b) - size(a)).slice(0, USERS_SHOWN);
}

/** Joins two lists that are in the order of their users. */
function* joined(
  before: Iterator<readonly [string, number], void>,
  after: Iterator<readonly [string, number], void>,
): Generator<Pair & { readonly user: string }, void, undefined> {
  let [a, b] = [before.next(), after.next()];
  for (;;) {
    const [userA, countA] = a.done === true ? [undefined, 0] : a.value;
    const [userB, countB] = b.done === true ? [undefined, 0] : b.value;
    const user = userA === undefined || (userB !== undefined && userB < userA) ? userB : userA;
    if (user === undefined) return;
    const [isA, isB] = [userA === user, userB === user];
    yield { user, before: isA ? countA : 0, after: isB ? countB : 0 };
    if (isA) a = before.next();
    if (isB) b = after.next();
  }
}

async function minutesOf(
  history: SentHistory,
  axis: Axis,
  limit: number,
  days: Map<Instant, { before: number; after: number }>,
  side: keyof Pair,
): Promise<Pick<SentFigures, 'peakMinute' | 'minutesOverLimit'>> {
  let peakMinute: SentFigures['peakMinute'];
  let minutesOverLimit = 0;
  let current = { minute: -1, notices: 0 };
  const close = (): void => {
    if (current.notices > limit) minutesOverLimit += 1;
    if (current.notices > (peakMinute?.notices ?? 0)) peakMinute = current;
  };
  const count = (at: Instant): void => {
    const minute = at - (at % MINUTE_MS);
    if (minute !== current.minute) {
      close();
      current = { minute, notices: 0 };
    }
    current.notices += 1;
    const day = at - (at % DAY_MS);
    const pair = days.get(day) ?? { before: 0, after: 0 };
    pair[side] += 1;
    days.set(day, pair);
  };
  for await (const batch of inTurns(history.sentNotificationsBy('time', axis))) {
    for (const sent of batch) count(sent[axis]);
  }
  close();
  return { peakMinute, minutesOverLimit };
}
