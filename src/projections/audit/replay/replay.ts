// `audit replay`: decides every verdict again from the log alone. Nothing can be published from here.
import { createHash } from 'node:crypto';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { Rulesets } from '../../dedupe/rulesets.ts';
import { inPages } from '../../dedupe/session.ts';
import { checkpointOf } from '../../dedupe/state.ts';
import { projectionPrefixes } from '../../dedupe/classify.ts';
import { NO_ROWS, type Counts, type ReadModel, type VerdictRow } from '../../read-model.ts';
import { isAfter, typeOf, userOf, type Bound } from '../reading/reading.ts';
import { inTurns } from '../../publisher/turns.ts';
import type { ReadableLog } from '../reading/ports.ts';
import { refold, type Refolded } from '../reading/refold.ts';

/** The result of a replay: the same for the same log, on every machine and at any time. */
export type ReplayResult = Pick<Counts, 'events' | 'published' | 'suppressed' | 'parked'> & {
  readonly triggers: number;
  /** SHA-256 over the sorted dedupe keys (`user:type:windowStart`) of the sent notifications, each ended by LF. */
  readonly dedupeKeysSha256: string;
};

/**
 * The events and verdicts that are counted. All events are folded, because a verdict may depend on any earlier
 * event. Events without a user (control events) count only without `user` and `type`.
 */
export type ReplayFilter = {
  /** Inclusive. */
  readonly from?: Bound | undefined;
  /** Exclusive. */
  readonly to?: Bound | undefined;
  readonly user?: string | undefined;
  readonly type?: string | undefined;
};

export type ReplayOptions = {
  /** Which rows `state` keeps: those that later verdicts depend on, or all of them (the default). */
  readonly keep?: 'sent' | 'all';
  readonly filter?: ReplayFilter;
  /** Keeps the sent notifications that match; needed with a filter. Empty at the beginning. */
  readonly selected?: ReadModel;
  /** @internal For tests. Default: the shipped rulesets. */
  readonly rulesets?: Rulesets;
  /** Called with the number of folded events, once per page. */
  readonly progress?: (events: number, at: Position) => void;
  /** Called with each verdict that matches, in the order of the decisions. */
  readonly onVerdict?: (verdict: VerdictRow) => void;
};

/**
 * Folds the log up to its head.
 *
 * @param state keeps the sent notifications, empty at the beginning; a temporary read model keeps memory constant
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
    // Events after a position cannot count. After a time they can: `recordedAt` is not in log order.
    const last = events.at(-1);
    if (end !== undefined && last !== undefined && comparePositions(last.position, end) >= 0) break;
  }
  const { events, triggered: triggers, published, suppressed, parked } = fold.state().counts;
  const counts = selection?.counts ?? { events, triggers, published, suppressed, parked };
  const sent = filter === undefined ? state : selected;
  return { ...counts, dedupeKeysSha256: await digestOf(sent?.dedupeKeys() ?? []) };
}

class Selection {
  readonly #filter: ReplayFilter;
  readonly #sent: ReadModel | undefined;
  readonly counts = { events: 0, triggers: 0, published: 0, suppressed: 0, parked: 0 };

  constructor(filter: ReplayFilter, sent: ReadModel | undefined) {
    this.#filter = filter;
    this.#sent = sent;
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
    this.#sent?.commit({ ...NO_ROWS, checkpoint, sentNotifications });
  }

  /** A verdict belongs to the event at whose position it was decided. */
  takes({ user, triggerType, position }: VerdictRow, { events }: Refolded): boolean {
    const { from, to } = this.#filter;
    if (!this.#isAbout(user, triggerType)) return false;
    if (from === undefined && to === undefined) return true;
    const at = events.find(({ recorded }) => comparePositions(recorded.position, position) === 0);
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
