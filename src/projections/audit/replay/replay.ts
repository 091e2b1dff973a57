// Replay: every verdict again, from the log alone. There is no publisher in this file, nor in its types.
import { createHash } from 'node:crypto';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { Rulesets } from '../../dedupe/rulesets.ts';
import { inPages } from '../../dedupe/session.ts';
import { checkpointOf } from '../../dedupe/state.ts';
import { projectionPrefixes } from '../../dedupe/classify.ts';
import type { ReadModel, VerdictRow } from '../../read-model.ts';
import { inTurns, isAfter, typeOf, userOf, type Bound } from '../reading/reading.ts';
import type { ReadableLog } from '../reading/ports.ts';
import { refold, type Refolded } from '../reading/refold.ts';

export type { ReadableLog } from '../reading/ports.ts';

/** What a replay found. The same log gives the same answer, on every machine, at any time. */
export type ReplayResult = {
  readonly events: number;
  readonly triggers: number;
  readonly published: number;
  readonly suppressed: number;
  readonly parked: number;
  /** SHA-256 over the sorted lines `user:type:windowStart` of the notices, each ended by LF. */
  readonly dedupeKeysSha256: string;
};

/**
 * What is counted and listed. Everything is still folded, because a verdict may depend on any earlier
 * event; what does not match is left out of the answer. Events that concern no user (control events)
 * count only without `user` and `type`.
 */
export type ReplayFilter = {
  /** At or after it. */
  readonly from?: Bound | undefined;
  /** Before it. */
  readonly to?: Bound | undefined;
  readonly user?: string | undefined;
  readonly type?: string | undefined;
};

export type ReplayOptions = {
  /** Which rows `state` keeps: those that later verdicts depend on, or all of them (the default). */
  readonly keep?: 'sent' | 'all';
  readonly filter?: ReplayFilter;
  /** Where the notices that match are kept; needed with a filter. Empty at the beginning. */
  readonly selected?: ReadModel;
  /** @internal For tests. Default: the shipped rulesets. */
  readonly rulesets?: Rulesets;
  /** Told how many events were folded, once per page. */
  readonly progress?: (events: number, at: Position) => void;
  /** Told of each verdict that matches, in the order in which they were decided. */
  readonly onVerdict?: (verdict: VerdictRow) => void;
};

/**
 * Folds the log into `state`, which must be empty, up to its head on the way. Memory stays constant as
 * far as `state` keeps its rows elsewhere.
 *
 * @param state where the notices are kept while folding; a temporary one keeps memory constant
 * @param options.filter what is counted; it needs `options.selected`
 */
export async function replay(
  log: ReadableLog,
  state: ReadModel,
  kernel: string,
  options: ReplayOptions = {},
): Promise<ReplayResult> {
  const { filter, selected, keep = 'all', rulesets, progress = () => undefined } = options;
  const fold = refold({ log, kernel, state, keep, rulesets });
  const selection = filter === undefined ? undefined : new Selection(filter, selected);
  const prefixes = projectionPrefixes(kernel);
  const end = filter?.to !== undefined && 'position' in filter.to ? filter.to.position : undefined;
  for await (const events of log.readAll({ direction: 'forwards', prefixes })) {
    for (const part of inPages(events)) {
      const page = await fold.page(part);
      selection?.page(page);
      for (const row of page.verdicts) {
        if (selection?.takes(row, page) !== false) options.onVerdict?.(row);
      }
      progress(fold.state().counts.events, fold.state().position);
    }
    // What comes after a place cannot count; after a time it can, as stamps are not in log order.
    const last = events.at(-1);
    if (end !== undefined && last !== undefined && comparePositions(last.position, end) >= 0) break;
  }
  const { events, triggered: triggers, published, suppressed, parked } = fold.state().counts;
  const counts = selection?.counts ?? { events, triggers, published, suppressed, parked };
  const notices = filter === undefined ? state : selected;
  return { ...counts, dedupeKeysSha256: await digestOf(notices?.dedupeKeys() ?? []) };
}

/** What of a replay matches a filter. */
class Selection {
  readonly #filter: ReplayFilter;
  readonly #notices: ReadModel | undefined;
  readonly counts = { events: 0, triggers: 0, published: 0, suppressed: 0, parked: 0 };

  constructor(filter: ReplayFilter, notices: ReadModel | undefined) {
    this.#filter = filter;
    this.#notices = notices;
  }

  page(page: Refolded): void {
    const parked = new Set(page.parked.map(({ event }) => event));
    for (const { recorded, kind } of page.events) {
      if (!this.#isInRange(recorded) || !this.#isAbout(userOf(recorded), typeOf(recorded)))
        continue;
      this.counts.events += 1;
      if (parked.has(recorded.id)) this.counts.parked += 1;
      else if (kind === 'triggered') this.counts.triggers += 1;
    }
    const taken = page.verdicts.filter((row) => this.takes(row, page));
    for (const { verdict } of taken) if (verdict !== 'parked') this.counts[verdict] += 1;
    const ids = new Set(taken.map(({ messageId }) => messageId));
    const sentNotifications = page.sentNotifications.filter(({ id }) => ids.has(id));
    if (sentNotifications.length === 0) return;
    const checkpoint = checkpointOf(page.state, { storeId: '', output: null, sequence: 0n });
    const nothing = { amended: [], verdicts: [], recentMessages: [], parked: [], unparked: [] };
    this.#notices?.commit({ checkpoint, sentNotifications, ...nothing });
  }

  /** A verdict belongs to the event at whose place it was decided. */
  takes(row: VerdictRow, { events }: Refolded): boolean {
    const { from, to, user, type } = this.#filter;
    if (user !== undefined && row.user !== user) return false;
    if (type !== undefined && row.triggerType !== type) return false;
    if (from === undefined && to === undefined) return true;
    const at = events.find(
      ({ recorded }) => comparePositions(recorded.position, row.position) === 0,
    );
    return at !== undefined && this.#isInRange(at.recorded);
  }

  #isAbout(user: unknown, type: unknown): boolean {
    const filter = this.#filter;
    if (filter.user !== undefined && String(user) !== filter.user) return false;
    return filter.type === undefined || type === filter.type;
  }

  #isInRange(recorded: RecordedEvent): boolean {
    const { from, to } = this.#filter;
    return (
      (from === undefined || isAfter(recorded, from)) &&
      (to === undefined || !isAfter(recorded, to))
    );
  }
}

async function digestOf(lines: Iterable<string>): Promise<string> {
  const hash = createHash('sha256');
  for await (const batch of inTurns(lines)) hash.update(`${batch.join('\n')}\n`);
  return hash.digest('hex');
}
