// The read model's rows against the rows that the log gives.
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
const TAIL_LIMIT = 10_000;

/** Where a message lies depends on strangers, so the stream itself is asked, not the rule. */
const UNPLACED = new Set(['sequence']);

export class ReadModelCheck {
  readonly #view: ReadModelView;
  readonly #findings: Findings;
  readonly #resolved: ReadonlySet<string>;
  readonly #verdicts: Lockstep<VerdictRow>;
  readonly #control: Lockstep<ControlRow>;
  /** Verdicts about events that were decided again: only the last one counts. */
  readonly #again = new Map<string, VerdictRow>();
  readonly #parked = new Map<string, ParkedRow>();
  /** Sequences of messages that were found at their places, for the page at hand. */
  #places: ReadonlyMap<string, bigint> = new Map();
  readonly #reasons = new Map<string, number>();
  #tail: RecentMessageRow[] = [];
  /** The first message that the read model keeps; undefined when it keeps none. */
  readonly #tailFrom: bigint | undefined;
  #state: FoldState | undefined;

  constructor(view: ReadModelView, findings: Findings, resolved: ReadonlySet<string>) {
    this.#view = view;
    this.#findings = findings;
    this.#resolved = resolved;
    this.#tailFrom = firstOrdinal(view.recentMessagesAfter(-1n));
    this.#verdicts = new Lockstep(view.verdicts(), ({ event }) => event, {
      both: (expected, found) => {
        const { messageId } = expected;
        const sequence = messageId === null ? undefined : this.#places.get(messageId);
        // One that the stream does not hold at its place is told of there.
        if (messageId === null) this.#compareVerdict(expected, found);
        else if (sequence === undefined) this.#compareVerdict(expected, found, UNPLACED);
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

  /** Is it this log's? */
  identity(storeId: string | undefined): void {
    const checkpoint = this.#view.checkpoint();
    if (checkpoint === undefined || checkpoint.storeId === storeId) return;
    const detail = `store ${checkpoint.storeId}, and this log is ${storeId ?? 'without an id'}`;
    this.#findings.add('store_changed', 'the checkpoint', detail);
  }

  /** A page of the log before the cut. */
  page(page: Refolded, places: ReadonlyMap<string, bigint>): void {
    this.#places = places;
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
    this.#expectTail(page.recentMessages);
  }

  /** Everything up to the cut has passed: what is left over has no reason. */
  async atCut(state: FoldState, notices: Iterable<SentNotification>): Promise<void> {
    this.#state = state;
    this.#places = new Map();
    for (const row of this.#again.values()) {
      this.#count(row);
      this.#verdicts.expect(row);
    }
    this.#verdicts.end();
    this.#control.end();
    await this.#notices(notices);
    this.#parkedRows();
    this.#tailRows();
    this.#checkpoint(state);
  }

  /** What is before the kept tail is nobody's concern any more, and not worth the memory. */
  #expectTail(rows: readonly RecentMessageRow[]): void {
    const [from, last] = [this.#tailFrom, rows.at(-1)];
    if (last === undefined || (from !== undefined && last.ordinal < from)) return;
    for (const row of rows) if (from === undefined || row.ordinal >= from) this.#tail.push(row);
    if (this.#tail.length > 2 * TAIL_LIMIT) this.#tail = this.#tail.slice(-TAIL_LIMIT);
  }

  #compareVerdict(expected: VerdictRow, found: VerdictRow, ignored?: ReadonlySet<string>): void {
    const detail = differences(expected, found, ignored);
    if (detail !== undefined) this.#findings.add('verdict_changed', whereVerdict(expected), detail);
  }

  async #notices(expected: Iterable<SentNotification>): Promise<void> {
    const findings = this.#findings;
    const join = new Lockstep<SentNotification>(this.#view.sentNotifications(), ({ id }) => id, {
      both: (a, b) => {
        const detail = differences(a, b);
        if (detail !== undefined) findings.add('notice_changed', `notice ${a.id}`, detail);
      },
      missing: (row) => {
        findings.add(
          'notice_missing',
          `notice ${row.id}`,
          `window ${formatInstant(row.windowStart)} of ${subjectText(row)}`,
        );
      },
      extra: (row) => {
        findings.add(
          'notice_extra',
          `notice ${row.id}`,
          `window ${formatInstant(row.windowStart)} of ${subjectText(row)}`,
        );
      },
    });
    for await (const batch of inTurns(expected)) for (const notice of batch) join.expect(notice);
    join.end();
  }

  #parkedRows(): void {
    const tell = (row: ParkedRow, detail: string): void => {
      this.#findings.add('parked_changed', `event ${row.revision} of ${row.stream}`, detail);
    };
    const join = new Lockstep<ParkedRow>(this.#view.parked(), ({ event }) => event, {
      both: (a, b) => {
        const detail = differences(a, b);
        if (detail !== undefined) tell(a, detail);
      },
      missing: (row) => {
        tell(row, `is not on the list (${row.code})`);
      },
      extra: (row) => {
        tell(row, `is on the list (${row.code})`);
      },
    });
    for (const row of this.#parked.values()) join.expect(row);
    join.end();
  }

  #tailRows(): void {
    const kept = this.#view.recentMessagesAfter(-1n);
    const tell = ({ ordinal, id }: RecentMessageRow, detail: string): void => {
      this.#findings.add('tail_changed', `message ${ordinal} of the list (${id})`, detail);
    };
    const byOrdinal = kept.toSorted((a, b) => (a.ordinal < b.ordinal ? -1 : 1));
    const join = new Lockstep<RecentMessageRow>(byOrdinal, ({ ordinal }) => String(ordinal), {
      both: (a, b) => {
        const detail = differences(a, b, UNPLACED);
        if (detail !== undefined) tell(a, detail);
      },
      missing: (row) => {
        tell(row, 'is not there');
      },
      extra: (row) => {
        tell(row, 'is there');
      },
    });
    for (const row of this.#tail.slice(-TAIL_LIMIT)) join.expect(row);
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

  /** The counted reasons against the verdicts that were compared one by one. */
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
