// Redrives all deliveries that match a filter, at a limited rate.
import type { Clock, Runtime } from '../../../domain/ports/runtime.ts';
import type { DeliveryRejection } from '../../../domain/delivery/decide.ts';
import { changeDelivery, type DeliveryContext } from './delivery-decider.ts';
import type {
  DeliveryFilter,
  DeliveryGroup,
  DeliveryIndexReader,
  DeliveryRow,
  ListedDelivery,
} from './delivery-index.ts';

/** Redrives per second unless the caller says otherwise: a receiver that returns must not be flooded. */
export const REDRIVES_PER_SECOND = 10;

/** Which deliveries are redriven; only these two statuses can be. */
export type RedriveFilter = DeliveryFilter & { readonly status: 'dead' | 'skipped' };

export type RedriveCall = {
  /** The operator's reason; recorded in the log. */
  readonly reason: string;
  /** Only deliveries before this number in the list. */
  readonly before?: number | undefined;
  /** Deliveries looked at, at most; default: all. */
  readonly limit?: number | undefined;
  /** Stops after the delivery under way. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each delivery; `counts` makes the counts so far. */
  readonly onProgress?: ((counts: () => RedriveCounts) => void) | undefined;
};

export type RedriveCounts = {
  /** Deliveries of the list that matched and were looked at. */
  readonly matched: number;
  readonly redriven: number;
  /** Those that could not be redriven, by code. */
  readonly refused: Readonly<Partial<Record<RedriveRefusal, number>>>;
  /** What matched, by channel and reason; the largest groups first. */
  readonly groups: readonly Omit<DeliveryGroup, 'status'>[];
  /** The first ids that were redriven. */
  readonly first: readonly string[];
  /** The first ids that were refused, with the code. */
  readonly firstRefused: readonly {
    readonly notificationId: string;
    readonly code: RedriveRefusal;
  }[];
  /** `before` of the next call; absent when no delivery is left. */
  readonly nextBefore: number | undefined;
};

export type RedriveRefusal = 'expired' | DeliveryRejection['code'];

/** Ids that are named. */
const FIRST = 10;
/** Rows read at once. */
const PAGE = 200;

/** Lets one through at a time, at this rate, whoever asks. */
export type Pacer = (signal: AbortSignal | undefined) => Promise<void>;

export function pacer(
  { elapsed, pause }: Pick<Runtime, 'elapsed' | 'pause'>,
  perSecond: number,
): Pacer {
  let nextAt = 0;
  return async (signal) => {
    const now = elapsed();
    const at = Math.max(now, nextAt);
    nextAt = at + 1000 / perSecond;
    if (at > now) await pause(at - now, signal);
  };
}

type Parts = Clock & { readonly index: DeliveryIndexReader; readonly pace: Pacer };

/**
 * Redrives what matches, the newest first. It appends nothing for a delivery that is under way, so a second call continues
 * the first. Throws `unavailable` for an unknown outcome; the last `onProgress` then tells the counts.
 *
 * @param records `undefined` for a dry run: it counts those that have not expired as redriven
 */
export async function redriveMatching(
  records: DeliveryContext | undefined,
  { index, pace, now }: Parts,
  filter: RedriveFilter,
  call: RedriveCall,
): Promise<RedriveCounts> {
  const { limit = Infinity, signal, onProgress } = call;
  const counts = counter();
  let before = call.before;
  while (signal?.aborted !== true && counts.matched() < limit) {
    const rows = index.list({ ...filter, before, limit: Math.min(PAGE, limit - counts.matched()) });
    if (rows.length === 0) return counts.now(undefined);
    for (const row of rows) {
      if (isStopped(signal)) return counts.now(before);
      // Decided here too, so that thousands of old deliveries cost neither reads of the log nor time.
      const isOver = row.expiresAt <= now();
      const refusal = isOver ? 'expired' : await redriveOne(records, row, { ...call, pace });
      if (refusal === 'stopped') return counts.now(before);
      before = row.number;
      counts.add(row, refusal);
      const at = before;
      onProgress?.(() => counts.now(at));
    }
  }
  return counts.now(before);
}

const isStopped = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

async function redriveOne(
  records: DeliveryContext | undefined,
  { stream }: ListedDelivery,
  { reason, signal, pace }: RedriveCall & { readonly pace: Pacer },
): Promise<RedriveRefusal | 'stopped' | undefined> {
  if (records === undefined) return undefined;
  await pace(signal);
  if (isStopped(signal)) return 'stopped';
  const command = { kind: 'redrive', reason, of: 'ended' } as const;
  const result = await changeDelivery(records, stream, command);
  return result.ok ? undefined : result.error.code;
}

function counter() {
  let matched = 0;
  let redriven = 0;
  const refused: Partial<Record<RedriveRefusal, number>> = {};
  const groups = new Map<string, Omit<DeliveryGroup, 'status'>>();
  const first: string[] = [];
  const firstRefused: { notificationId: string; code: RedriveRefusal }[] = [];
  return {
    matched: () => matched,
    add({ notificationId, channel, reason }: DeliveryRow, code: RedriveRefusal | undefined): void {
      matched += 1;
      const key = JSON.stringify([channel, reason]);
      groups.set(key, { channel, reason, count: (groups.get(key)?.count ?? 0) + 1 });
      if (code === undefined) {
        redriven += 1;
        if (first.length < FIRST) first.push(notificationId);
      } else {
        refused[code] = (refused[code] ?? 0) + 1;
        if (firstRefused.length < FIRST) firstRefused.push({ notificationId, code });
      }
    },
    now: (nextBefore: number | undefined): RedriveCounts => ({
      matched,
      redriven,
      refused: { ...refused },
      groups: [...groups.values()].sort((a, b) => b.count - a.count),
      first: [...first],
      firstRefused: [...firstRefused],
      nextBefore,
    }),
  };
}
