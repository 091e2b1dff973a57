// Compares the read model's rows with the rows that the log gives.
import { formatInstant } from '../../../domain/core/instants.ts';
import { subjectText } from '../../dedupe/sent.ts';
import type { FoldState } from '../../dedupe/state.ts';
import { suppressedText } from '../../dedupe/suppressed.ts';
import {
  comparePositions,
  formatPosition,
  START_POSITION,
  type Position,
} from '../../../domain/core/positions.ts';
import type {
  ControlRow,
  MutedRequest,
  SentNotification,
  ParkedRow,
  RecentMessageRow,
  SuppressedRequests,
  VerdictRow,
} from '../../read-model.ts';
import { inTurns } from '../../publisher/turns.ts';
import type { ReadModelView } from '../reading/ports.ts';
import type { Refolded } from '../reading/refold.ts';
import type { Findings } from './mismatches.ts';
import { differences, Lockstep, shown, type RowKind } from './rows.ts';

/** As many as the read model keeps. */
const RECENT_MESSAGES_KEPT = 10_000;

/** Foreign messages move sequences: only the stream says which are right, so others are not compared. */
type Unplaced<T> = Omit<T, 'sequence'> & { readonly sequence?: bigint | null };

const VERDICTS: RowKind<Unplaced<VerdictRow>> = {
  keyOf: ({ event }) => event,
  where: ({ event, stream, revision }) => `request ${event} (event ${revision} of ${stream})`,
  changed: 'verdict_changed',
  missing: 'verdict_missing',
  extra: 'verdict_extra',
  detail: ({ verdict, reason }) => `${verdict}: ${reason}`,
};

/** The log has the truth about control events, so a row that the read model lacks is extra in the log. */
const CONTROL: RowKind<ControlRow> = {
  keyOf: ({ event }) => event,
  where: ({ event, revision, type }) => `control event ${revision}, ${type} (${event})`,
  changed: 'control_changed',
  missing: 'control_extra',
  extra: 'control_missing',
  detail: ({ digest }) => `digest ${digest}`,
};

const SENT: RowKind<SentNotification> = {
  keyOf: ({ id }) => id,
  where: ({ id }) => `sent notification ${id}`,
  changed: (expected, found) =>
    isMoreReleased(expected, found) ? 'delivery_missing' : 'notice_changed',
  missing: 'notice_missing',
  extra: 'notice_extra',
  detail: (row) => `window ${formatInstant(row.windowStart)} of ${subjectText(row)}`,
};

const SUPPRESSED: RowKind<SuppressedRequests> = {
  keyOf: suppressedText,
  where: (row) => `suppressed requests of ${suppressedText(row)}`,
  changed: 'suppressed_changed',
  missing: 'suppressed_changed',
  extra: 'suppressed_changed',
  detail: ({ count }, lack) => `${count} requests, and the row is ${lack}`,
};

const MUTED: RowKind<MutedRequest> = {
  keyOf: ({ event }) => event,
  where: ({ event }) => `muted request ${event}`,
  changed: 'muted_changed',
  missing: 'muted_changed',
  extra: 'muted_changed',
  detail: (_row, lack) => `is ${lack}`,
};

const PARKED: RowKind<ParkedRow> = {
  keyOf: ({ event }) => event,
  where: ({ stream, revision }) => `event ${revision} of ${stream}`,
  changed: 'parked_changed',
  missing: 'parked_changed',
  extra: 'parked_changed',
  detail: ({ code }, lack) => `is ${lack === 'missing' ? 'not ' : ''}parked (${code})`,
};

const RECENT: RowKind<Unplaced<RecentMessageRow>> = {
  keyOf: ({ ordinal }) => String(ordinal),
  where: ({ ordinal, id }) => `message ${ordinal} (${id})`,
  changed: 'tail_changed',
  missing: 'tail_changed',
  extra: 'tail_changed',
  detail: (_row, lack) => `is ${lack}`,
};

/** True for a notification whose delivery has ended or begun again by events that the log does not have. */
function isMoreReleased(expected: SentNotification, found: SentNotification): boolean {
  return found.releases > expected.releases || (found.released && !expected.released);
}

/** The tables of a fold whose rows are compared as they are at the cut. */
export type FoldedRows = Pick<
  ReadModelView,
  'sentNotifications' | 'suppressedRequests' | 'mutedRequests'
>;

export class ReadModelCheck {
  readonly #view: ReadModelView;
  readonly #findings: Findings;
  readonly #resolved: ReadonlySet<string>;
  readonly #verdicts: Lockstep<Unplaced<VerdictRow>>;
  readonly #control: Lockstep<ControlRow>;
  /** The last verdict about each event that was decided again. */
  readonly #again = new Map<string, VerdictRow>();
  readonly #parked = new Map<string, ParkedRow>();
  readonly #reasons = new Map<string, number>();
  #recent: Unplaced<RecentMessageRow>[] = [];
  /** The first message that the read model keeps; undefined when it keeps none. */
  readonly #recentFrom: bigint | undefined;
  #state: FoldState | undefined;
  /** The numbers of events up to the cut, that the projector has read and that the log has. */
  #events = { read: 0, found: 0 };

  constructor(view: ReadModelView, findings: Findings, resolved: ReadonlySet<string>) {
    this.#view = view;
    this.#findings = findings;
    this.#resolved = resolved;
    this.#recentFrom = firstOrdinal(view.recentMessagesAfter(-1n));
    this.#verdicts = new Lockstep<Unplaced<VerdictRow>>(view.verdicts(), VERDICTS, findings);
    this.#control = new Lockstep(view.controlRows(), CONTROL, findings);
  }

  /** The fold's state at the cut; `undefined` before. */
  get state(): FoldState | undefined {
    return this.#state;
  }

  /** Checks that the read model is of this log. */
  identity(storeId: string | undefined): void {
    const checkpoint = this.#view.checkpoint();
    if (checkpoint === undefined || checkpoint.storeId === storeId) return;
    const detail = `store ${checkpoint.storeId}, and this log is ${storeId ?? 'without an id'}`;
    this.#findings.add('store_changed', 'the checkpoint', detail);
  }

  /** Checks that the log goes as far as the read model has read it, and the form of the read model's file. */
  head(head: Position | undefined): void {
    const checkpoint = this.#view.checkpoint();
    if (
      checkpoint !== undefined &&
      comparePositions(checkpoint.position, head ?? START_POSITION) > 0
    ) {
      const end = formatPosition(head ?? START_POSITION);
      const detail = `the log ends at ${end}, and the read model was made from it up to ${formatPosition(checkpoint.position)}`;
      const { lastEvent } = checkpoint;
      const where =
        lastEvent === null
          ? 'the end of the log'
          : `event ${lastEvent.revision} of ${lastEvent.stream}`;
      this.#findings.add('event_missing', where, detail);
    }
    for (const { where, detail } of this.#view.schemaFaults?.() ?? [])
      this.#findings.add('state_schema_changed', where, detail);
  }

  /**
   * Compares a page of the log before the cut.
   * @param sequences of the page's messages that the stream holds in order
   */
  page(page: Refolded, sequences: ReadonlyMap<string, bigint>): void {
    for (const row of page.control) this.#control.expect(row);
    for (const row of page.verdicts) {
      if (this.#resolved.has(row.event)) {
        this.#again.set(row.event, row);
        continue;
      }
      this.#expectVerdict(row, sequences);
    }
    for (const event of page.unparked) this.#parked.delete(event);
    for (const row of page.parked) this.#parked.set(row.event, row);
    this.#expectRecent(page.recentMessages, sequences);
  }

  /** Ends the comparison at the cut: every row that is left is extra. */
  async atCut(state: FoldState, folded: FoldedRows): Promise<void> {
    this.#state = state;
    for (const row of this.#again.values()) this.#expectVerdict(row, new Map());
    this.#verdicts.end();
    this.#control.end();
    const sentRows = new Lockstep(this.#view.sentNotifications(), SENT, this.#findings);
    await expectAll(sentRows, folded.sentNotifications());
    const [view, findings] = [this.#view, this.#findings];
    const suppressedRows = new Lockstep(view.suppressedRequests(), SUPPRESSED, findings);
    await expectAll(suppressedRows, folded.suppressedRequests());
    const mutedRows = new Lockstep(view.mutedRequests(), MUTED, findings);
    await expectAll(mutedRows, folded.mutedRequests());
    const parkedRows = new Lockstep(this.#view.parked(), PARKED, this.#findings);
    for (const row of this.#parked.values()) parkedRows.expect(row);
    parkedRows.end();
    this.#recentRows();
    this.#checkpoint(state);
  }

  #expectVerdict(row: VerdictRow, sequences: ReadonlyMap<string, bigint>): void {
    const { verdict, reason, messageId } = row;
    if (verdict !== 'published') this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    const sequence = messageId === null ? row.sequence : sequences.get(messageId);
    if (sequence === row.sequence) this.#verdicts.expect(row);
    else if (sequence !== undefined) this.#verdicts.expect({ ...row, sequence });
    // A message that the stream does not hold at its sequence is reported with the stream.
    else this.#verdicts.expect(withoutSequence(row));
  }

  /** Keeps only as many messages as the read model does. */
  #expectRecent(rows: readonly RecentMessageRow[], sequences: ReadonlyMap<string, bigint>): void {
    const [from, last] = [this.#recentFrom, rows.at(-1)];
    if (last === undefined || (from !== undefined && last.ordinal < from)) return;
    for (const row of rows) {
      if (from !== undefined && row.ordinal < from) continue;
      const sequence = sequences.get(row.id);
      // Only the stream knows the sequence.
      this.#recent.push(sequence === undefined ? withoutSequence(row) : { ...row, sequence });
    }
    if (this.#recent.length > 2 * RECENT_MESSAGES_KEPT)
      this.#recent = this.#recent.slice(-RECENT_MESSAGES_KEPT);
  }

  #recentRows(): void {
    const kept = this.#view.recentMessagesAfter(-1n);
    const byOrdinal = kept.toSorted((a, b) => (a.ordinal < b.ordinal ? -1 : 1));
    const rows = new Lockstep<Unplaced<RecentMessageRow>>(byOrdinal, RECENT, this.#findings);
    for (const row of this.#recent.slice(-RECENT_MESSAGES_KEPT)) rows.expect(row);
    rows.end();
  }

  #checkpoint(state: FoldState): void {
    const found = this.#view.checkpoint();
    if (found === undefined) return;
    const expected = {
      lastEvent: shown(state.lastEvent),
      ruleset: state.ruleset,
      ordinal: state.ordinal,
      digest: state.digest,
      ...state.counts,
    };
    const detail = differences(expected, {
      ...found,
      ...found.counts,
      lastEvent: shown(found.lastEvent),
    });
    if (detail !== undefined) this.#findings.add('checkpoint_changed', 'the checkpoint', detail);
    this.#reasonRows();
    this.#events = { read: found.counts.events, found: state.counts.events };
  }

  /** Compares the number of events, where no difference of the log explains it. */
  end(): void {
    const { read, found } = this.#events;
    const [code, other] =
      read > found ? (['event_missing', 'fewer'] as const) : (['event_added', 'more'] as const);
    if (read === found || this.#findings.isLogInDoubt) return;
    const position = this.#view.checkpoint()?.position ?? START_POSITION;
    const where = `the log up to ${formatPosition(position)}`;
    const detail = `it has ${found} events of triggers, deliveries and control, ${Math.abs(read - found)} ${other} than the projector has read`;
    this.#findings.add(code, where, detail);
  }

  #reasonRows(): void {
    const found = [...this.#view.reasons()].map(([reason, n]) => `${reason} ${n}`).join(', ');
    const expected = [...this.#reasons]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([reason, n]) => `${reason} ${n}`)
      .join(', ');
    if (found === expected) return;
    const detail = `reasons: ${found}, not ${expected}`;
    this.#findings.add('checkpoint_changed', 'the counted reasons', detail);
  }
}

async function expectAll<T extends object>(
  rows: Pick<Lockstep<T & Readonly<Record<string, unknown>>>, 'expect' | 'end'>,
  expected: Iterable<T & Readonly<Record<string, unknown>>>,
): Promise<void> {
  for await (const batch of inTurns(expected)) for (const row of batch) rows.expect(row);
  rows.end();
}

function withoutSequence<T extends { readonly sequence: unknown }>(row: T): Omit<T, 'sequence'> {
  const { sequence: _, ...rest } = row;
  return rest;
}

function firstOrdinal(kept: readonly RecentMessageRow[]): bigint | undefined {
  let first: bigint | undefined;
  for (const { ordinal } of kept) if (first === undefined || ordinal < first) first = ordinal;
  return first;
}
