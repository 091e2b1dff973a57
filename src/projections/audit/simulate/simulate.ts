// `audit simulate`: folds the whole log twice, as it happened and under other policies, and compares the verdicts.
// Nothing can be published from here. Delivery events of notifications that one history does not send change
// nothing there; notifications that only one history sends count as delivered.
import type { Axis, Policy } from '../../../domain/policy/policy.ts';
import { ANY_TYPE, NO_POLICIES } from '../../../domain/policy/in-force.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { projectionPrefixes, classifyAll, type ClassifiedEvent } from '../../dedupe/classify.ts';
import { instantsOf, subjectOf, subjectText, type Request } from '../../dedupe/sent.ts';
import { FoldSession, inPages, type FoldResult } from '../../dedupe/session.ts';
import { checkpointOf, initialFold } from '../../dedupe/state.ts';
import { type Counts, type ReadModel, type VerdictRow } from '../../read-model.ts';
import type { ReadableLog, SentHistory } from '../reading/ports.ts';
import { deciding } from '../reading/refold.ts';
import { compareSent, type Gap, type SentFigures, type SentCompared } from './simulate-sent.ts';

/** Policies by trigger type, `*` for all types: they replace the policies of the log from its beginning. */
export type Replacement = ReadonlyMap<string, Policy>;

export type SimulatedSide = {
  /** Absent: the policies of the log. */
  readonly policies?: Replacement | undefined;
  /** Keeps the sent notifications; empty at the beginning. A temporary read model keeps memory constant. */
  readonly state: SimulationState;
};

export type SimulationState = ReadModel & SentHistory;

export type SimulateOptions = {
  readonly kernel: string;
  readonly before: SimulatedSide;
  readonly after: SimulatedSide;
  /** The instant of a request by which gaps, silences, days and minutes are measured. */
  readonly axis: Axis;
  /** Notifications a minute that the channel takes. */
  readonly limitPerMinute: number;
  /** Called with the number of folded events, once per page. */
  readonly progress?: (events: number) => void;
};

export type SimulatedVerdict = Pick<VerdictRow, 'verdict' | 'reason' | 'basis'>;

/** A request with different verdicts. */
export type Difference = {
  readonly triggerId: string;
  readonly user: string;
  readonly triggerType: string;
  readonly position: Position;
  readonly at: Instant;
  readonly before: SimulatedVerdict;
  readonly after: SimulatedVerdict;
};

/** The longest time since a user's last notification when a request of the user was suppressed. */
export type Silence = Gap;

/** Figures of one history, without mock requests. */
export type SideFigures = SentFigures &
  Pick<Counts, 'published' | 'suppressed' | 'parked'> & {
    /** Requests by verdict and reason. */
    readonly reasons: Readonly<Record<string, number>>;
    readonly longestSilence: Silence | undefined;
  };

export type SimulationResult = Omit<SentCompared, 'before' | 'after'> & {
  readonly events: number;
  readonly requests: number;
  readonly before: SideFigures;
  readonly after: SideFigures;
  /** Requests that only `after` sends, and that only `before` sends. */
  readonly newlySent: number;
  readonly newlySuppressed: number;
  /** The first request that is decided differently, also where only the reason differs. */
  readonly firstDifference: Difference | undefined;
};

/** The most messages per minute that chat bots usually accept. */
export const DEFAULT_PER_MINUTE = 100;

/** Folds a log up to its head under the policies of both sides, and compares. */
export async function simulate(
  log: ReadableLog,
  options: SimulateOptions,
): Promise<SimulationResult> {
  const { kernel, axis, limitPerMinute, progress = () => undefined } = options;
  const before = sideOf(log, kernel, axis, options.before);
  const after = sideOf(log, kernel, axis, options.after);
  const comparison: Comparison = {
    requests: 0,
    newlySent: 0,
    newlySuppressed: 0,
    firstDifference: undefined,
  };
  let events = 0;
  const prefixes = projectionPrefixes(kernel);
  for await (const batch of log.readAll({ direction: 'forwards', prefixes })) {
    for (const page of inPages(batch)) {
      const classified = await classifyAll(kernel, log, page);
      const [one, other] = [await before.page(classified), await after.page(classified)];
      comparePages(comparison, one, other, axis);
      events += page.length;
      progress(events);
    }
  }
  const sides = { before: options.before.state, after: options.after.state };
  const sent = await compareSent(sides, axis, limitPerMinute);
  return {
    ...sent,
    ...comparison,
    events,
    before: { ...sent.before, ...before.figures() },
    after: { ...sent.after, ...after.figures() },
  };
}

type LiveRequest = Request & { readonly recordedAt: Instant };

/** A side's verdicts about live requests of one page, with the request where it can be read. */
type SidePage = {
  readonly rows: ReadonlyMap<string, VerdictRow>;
  readonly requests: ReadonlyMap<string, LiveRequest>;
};

type Side = {
  readonly page: (events: readonly ClassifiedEvent[]) => Promise<SidePage>;
  readonly figures: () => Omit<SideFigures, keyof SentFigures>;
};

function sideOf(
  log: ReadableLog,
  kernel: string,
  axis: Axis,
  { state, policies: replacement = new Map() }: SimulatedSide,
): Side {
  const start = { ...initialFold, policies: { ...NO_POLICIES, policies: replacement } };
  const session = new FoldSession({ kernel, log, readModel: state, start });
  const counts = { published: 0, suppressed: 0, parked: 0 };
  const reasons: Record<string, number> = {};
  let longestSilence: Silence | undefined;

  /** A policy of the log that the simulation replaces is ignored. */
  const withoutReplaced = (event: ClassifiedEvent): ClassifiedEvent => {
    if (event.kind !== 'policy' || event.change.type !== 'NotificationPolicySet') return event;
    const { triggerType } = event.change.data;
    const isReplaced = replacement.has(ANY_TYPE) || replacement.has(triggerType);
    return isReplaced ? { kind: 'pass', recorded: event.recorded } : event;
  };

  const counted = ({ page, events, prior }: FoldResult): SidePage => {
    const requests = new Map<string, LiveRequest>();
    for (const event of [...events, ...prior.retried.values()]) {
      if (event.kind !== 'request') continue;
      requests.set(event.recorded.id, { ...event.data, recordedAt: event.metadata.recordedAt });
    }
    const live = page.verdicts.filter(({ event }) => requests.get(event)?.mock !== true);
    const here = new Map(page.sentNotifications.map((sent) => [sent.id, sent]));
    for (const row of live) {
      counts[row.verdict] += 1;
      const key = `${row.verdict} ${row.reason}`;
      reasons[key] = (reasons[key] ?? 0) + 1;
      const request = requests.get(row.event);
      if (request === undefined || row.verdict !== 'suppressed' || row.basis === null) continue;
      const holder =
        here.get(row.basis) ??
        prior.sentNotifications.get(subjectText(subjectOf(request)))?.get(row.basis);
      if (holder === undefined) continue;
      const at = instantIn(request, axis);
      const ms = at - holder[axis];
      if (ms <= (longestSilence?.ms ?? -1)) continue;
      longestSilence = { ms, user: request.userId, triggerType: request.triggerType, at };
    }
    return { rows: new Map(live.map((row) => [row.event, row])), requests };
  };

  return {
    async page(events) {
      const result = await session.foldClassified(events.map(withoutReplaced));
      const { page } = result;
      const identity = { storeId: 'simulated', output: null, sequence: 0n };
      const checkpoint = checkpointOf(page.state, identity);
      state.commit({ ...deciding(page), checkpoint });
      session.committed(page);
      return counted(result);
    },
    figures: () => ({ ...counts, reasons, longestSilence }),
  };
}

type Comparison = {
  -readonly [
    K in 'requests' | 'newlySent' | 'newlySuppressed' | 'firstDifference'
  ]: SimulationResult[K];
};

function comparePages(comparison: Comparison, before: SidePage, after: SidePage, axis: Axis): void {
  for (const [event, row] of after.rows) {
    comparison.requests += 1;
    const earlier = before.rows.get(event);
    if (earlier === undefined) continue;
    if (earlier.verdict === row.verdict && earlier.reason === row.reason) continue;
    const [wasSent, isSent] = [earlier.verdict === 'published', row.verdict === 'published'];
    if (isSent && !wasSent) comparison.newlySent += 1;
    if (!isSent && wasSent) comparison.newlySuppressed += 1;
    const request = after.requests.get(event);
    if (request === undefined) continue;
    comparison.firstDifference ??= {
      triggerId: request.triggerId,
      user: request.userId,
      triggerType: request.triggerType,
      position: row.position,
      at: instantIn(request, axis),
      before: verdictOf(earlier),
      after: verdictOf(row),
    };
  }
}

function verdictOf({ verdict, reason, basis }: VerdictRow): SimulatedVerdict {
  return { verdict, reason, basis };
}

function instantIn(request: LiveRequest, axis: Axis): Instant {
  return instantsOf(request, request.recordedAt)[axis];
}
