// Compares the read model's rows with the rows that the log gives.
import { formatInstant } from '../../../domain/core/instants.ts';
import { subjectText } from '../../dedupe/sent.ts';
import type { FoldState } from '../../dedupe/state.ts';
import type {
  ControlRow,
  SentNotification,
  ParkedRow,
  RecentMessageRow,
  VerdictRow,
} from '../../read-model.ts';
import { inTurns } from '../../publisher/turns.ts';
import type { ReadModelView } from '../reading/ports.ts';
import type { Refolded } from '../reading/refold.ts';
import type { Findings } from './mismatches.ts';
import { differences, Lockstep, shown } from './rows.ts';

/** As many as the read model keeps. */
const RECENT_MESSAGES_KEPT = 10_000;

/** Foreign messages move sequences, so the stream says which are right, not the fold. */
const WITHOUT_SEQUENCE = new Set(['sequence']);

export class ReadModelCheck {
  readonly #view: ReadModelView;
  readonly #findings: Findings;
  readonly #resolved: ReadonlySet<string>;
  readonly #verdicts: Lockstep<VerdictRow>;
  readonly #control: Lockstep<ControlRow>;
  /** The last verdict about each event that was decided again. */
  readonly #again = new Map<string, VerdictRow>();
  readonly #parked = new Map<string, ParkedRow>();
  /** Sequences of the page's messages that the stream holds. */
  #sequences: ReadonlyMap<string, bigint> = new Map();
  readonly #reasons = new Map<string, number>();
  #recent: RecentMessageRow[] = [];
  /** The first message that the read model keeps; undefined when it keeps none. */
  readonly #recentFrom: bigint | undefined;
  #state: FoldState | undefined;

  constructor(view: ReadModelView, findings: Findings, resolved: ReadonlySet<string>) {
    this.#view = view;
    this.#findings = findings;
    this.#resolved = resolved;
    this.#recentFrom = firstOrdinal(view.recentMessagesAfter(-1n));
    this.#verdicts = new Lockstep(view.verdicts(), ({ event }) => event, {
      both: (expected, found) => {
        const { messageId } = expected;
        const sequence = messageId === null ? undefined : this.#sequences.get(messageId);
        // A message that the stream does not hold at its sequence is reported with the stream.
        if (messageId === null) this.#compareVerdict(expected, found);
        else if (sequence === undefined) this.#compareVerdict(expected, found, WITHOUT_SEQUENCE);
        else this.#compareVerdict({ ...expected, sequence }, found);
      },
      missing: (row) => {
        findings.add('verdict_missing', whereVerdict(row), `${row.verdict}: ${row.reason}`);
      },
      extra: (row) => {
        findings.add('verdict_extra', whereVerdict(row), `${row.verdict}: ${row.reason}`);
      },
    });
    this.#control = new Lockstep(view.controlRows(), ({ event }) => event, {
      both: (expected, found) => {
        const detail = differences(expected, found);
        if (detail !== undefined) findings.add('control_changed', whereControl(expected), detail);
      },
      missing: (row) => {
        findings.add('control_extra', whereControl(row), `digest ${row.digest}`);
      },
      extra: (row) => {
        findings.add('control_missing', whereControl(row), `digest ${row.digest}`);
      },
    });
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

  /** Compares a page of the log before the cut. */
  page(page: Refolded, sequences: ReadonlyMap<string, bigint>): void {
    this.#sequences = sequences;
    for (const row of page.control) this.#control.expect(row);
    for (const row of page.verdicts) {
      if (this.#resolved.has(row.event)) {
        this.#again.set(row.event, row);
        continue;
      }
      this.#count(row);
      this.#verdicts.expect(row);
    }
    for (const event of page.unparked) this.#parked.delete(event);
    for (const row of page.parked) this.#parked.set(row.event, row);
    this.#expectRecent(page.recentMessages);
  }

  /** Ends the comparison at the cut: every row that is left is extra. */
  async atCut(state: FoldState, sent: Iterable<SentNotification>): Promise<void> {
    this.#state = state;
    this.#sequences = new Map();
    for (const row of this.#again.values()) {
      this.#count(row);
      this.#verdicts.expect(row);
    }
    this.#verdicts.end();
    this.#control.end();
    await this.#sentRows(sent);
    this.#parkedRows();
    this.#recentRows();
    this.#checkpoint(state);
  }

  /** Keeps only as many messages as the read model does. */
  #expectRecent(rows: readonly RecentMessageRow[]): void {
    const [from, last] = [this.#recentFrom, rows.at(-1)];
    if (last === undefined || (from !== undefined && last.ordinal < from)) return;
    for (const row of rows) if (from === undefined || row.ordinal >= from) this.#recent.push(row);
    if (this.#recent.length > 2 * RECENT_MESSAGES_KEPT)
      this.#recent = this.#recent.slice(-RECENT_MESSAGES_KEPT);
  }

  #compareVerdict(expected: VerdictRow, found: VerdictRow, ignored?: ReadonlySet<string>): void {
    const detail = differences(expected, found, ignored);
    if (detail !== undefined) this.#findings.add('verdict_changed', whereVerdict(expected), detail);
  }

  async #sentRows(expected: Iterable<SentNotification>): Promise<void> {
    const findings = this.#findings;
    const join = new Lockstep<SentNotification>(this.#view.sentNotifications(), ({ id }) => id, {
      both: (a, b) => {
        const detail = differences(a, b);
        if (detail !== undefined)
          findings.add('notice_changed', `sent notification ${a.id}`, detail);
      },
      missing: (row) => {
        findings.add(
          'notice_missing',
          `sent notification ${row.id}`,
          `window ${formatInstant(row.windowStart)} of ${subjectText(row)}`,
        );
      },
      extra: (row) => {
        findings.add(
          'notice_extra',
          `sent notification ${row.id}`,
          `window ${formatInstant(row.windowStart)} of ${subjectText(row)}`,
        );
      },
    });
    for await (const batch of inTurns(expected)) for (const row of batch) join.expect(row);
    join.end();
  }

  #parkedRows(): void {
    const report = (row: ParkedRow, detail: string): void => {
      this.#findings.add('parked_changed', `event ${row.revision} of ${row.stream}`, detail);
    };
    const join = new Lockstep<ParkedRow>(this.#view.parked(), ({ event }) => event, {
      both: (a, b) => {
        const detail = differences(a, b);
        if (detail !== undefined) report(a, detail);
      },
      missing: (row) => {
        report(row, `is not parked (${row.code})`);
      },
      extra: (row) => {
        report(row, `is parked (${row.code})`);
      },
    });
    for (const row of this.#parked.values()) join.expect(row);
    join.end();
  }

  #recentRows(): void {
    const kept = this.#view.recentMessagesAfter(-1n);
    const report = ({ ordinal, id }: RecentMessageRow, detail: string): void => {
      this.#findings.add('tail_changed', `message ${ordinal} (${id})`, detail);
    };
    const byOrdinal = kept.toSorted((a, b) => (a.ordinal < b.ordinal ? -1 : 1));
    const join = new Lockstep<RecentMessageRow>(byOrdinal, ({ ordinal }) => String(ordinal), {
      both: (a, b) => {
        const detail = differences(a, b, WITHOUT_SEQUENCE);
        if (detail !== undefined) report(a, detail);
      },
      missing: (row) => {
        report(row, 'is missing');
      },
      extra: (row) => {
        report(row, 'is extra');
      },
    });
    for (const row of this.#recent.slice(-RECENT_MESSAGES_KEPT)) join.expect(row);
    join.end();
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
  }

  /** Compares the counts by reason with the verdicts. */
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

  #count({ verdict, reason }: VerdictRow): void {
    if (verdict === 'published') return;
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }
}

function firstOrdinal(kept: readonly RecentMessageRow[]): bigint | undefined {
  let first: bigint | undefined;
  for (const { ordinal } of kept) if (first === undefined || ordinal < first) first = ordinal;
  return first;
}

function whereVerdict({ event, stream, revision }: VerdictRow): string {
  return `request ${event} (event ${revision} of ${stream})`;
}

function whereControl({ event, revision, type }: ControlRow): string {
  return `control event ${revision}, ${type} (${event})`;
}
