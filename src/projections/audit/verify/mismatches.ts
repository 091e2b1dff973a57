// What can be wrong, by name: what each difference means, and what to do about it.

const REBUILD =
  'Build it again with `tocsin audit rebuild`; if the difference comes back, keep both.';
const KEEP =
  'Stop the writers, keep copies of log and stream, and find out who else may write there. Consumers that act once per ce-id are safe to read on.';
const RESTORE =
  'Restore the log from a copy that verifies, or compare it with one: `tocsin audit export` of both shows the first line that differs.';

type Explanation = { readonly meaning: string; readonly action: string };

/** Every kind of difference. The names are for programs and stay. */
export const MISMATCHES = {
  store_changed: {
    meaning: 'The read model was made from another log.',
    action: 'Check --store and --state: each log has a read model of its own.',
  },
  control_changed: {
    meaning:
      'A control event (ruleset, policy, list, operator’s decision) is not what it was when verdicts were made under it.',
    action: RESTORE,
  },
  control_missing: {
    meaning: 'A control event that verdicts were made under is no longer in the log.',
    action: RESTORE,
  },
  control_extra: {
    meaning: 'The log has a control event that the projector did not see when it passed there.',
    action: RESTORE,
  },
  revision_gap: {
    meaning: 'A stream lacks an event: revisions have no gaps in a log that nobody cut into.',
    action: RESTORE,
  },
  checkpoint_changed: {
    meaning: 'The read model’s totals or digest are not what the log gives up to its place.',
    action: REBUILD,
  },
  verdict_missing: {
    meaning: 'The log asks for a notification, and the read model has no verdict about it.',
    action: REBUILD,
  },
  verdict_extra: {
    meaning: 'The read model has a verdict that the log gives no reason for.',
    action: REBUILD,
  },
  verdict_changed: {
    meaning: 'The read model says something else about a request than the log.',
    action: REBUILD,
  },
  notice_missing: {
    meaning:
      'A notification was let through, and the read model does not know that it holds a window.',
    action: `The next one in its window would be sent too. ${REBUILD}`,
  },
  notice_extra: {
    meaning: 'The read model has a notice that the log gives no reason for: it silences others.',
    action: REBUILD,
  },
  notice_changed: {
    meaning: 'A notice is not what the log makes of its request: another window may be taken.',
    action: REBUILD,
  },
  parked_changed: {
    meaning: 'The list of parked events is not what the log gives.',
    action: REBUILD,
  },
  tail_changed: {
    meaning: 'The kept tail, from which lost messages are made again, is not what the log gives.',
    action: REBUILD,
  },
  output_missing: {
    meaning:
      'The log says that an output stream was written, and it is not there, or is another one.',
    action: 'Check --nats and --stream. `tocsin project` names the ways on.',
  },
  message_missing: {
    meaning: 'A message was committed as stored, and the stream does not hold it.',
    action:
      'The server lost it, or somebody deleted it. `tocsin project --resend-from POSITION` sends again what came after a position; consumers that act once per ce-id do not act twice.',
  },
  message_extra: {
    meaning: 'The stream holds a message with our headers that the log gives no reason for.',
    action: KEEP,
  },
  message_altered: {
    meaning: 'A stored message is not what the log makes of its event.',
    action: KEEP,
  },
  message_reordered: {
    meaning: 'A message is not at its place, and no stranger’s message explains it.',
    action: KEEP,
  },
  delivery_without_request: {
    meaning: 'There is a delivery record of a notification that was never let through.',
    action: 'A person may have been told without cause. Find who wrote that stream: see its actor.',
  },
  delivery_changed: {
    meaning: 'A delivery record does not fit the request that it names, or cannot be read.',
    action: RESTORE,
  },
} as const satisfies Record<string, Explanation>;

export type MismatchCode = keyof typeof MISMATCHES;

/** One difference. */
export type Mismatch = {
  readonly code: MismatchCode;
  /** Which row, message or event, in words that lead there. */
  readonly where: string;
  /** What differs. */
  readonly detail: string;
  readonly meaning: string;
  readonly action: string;
};

/** More are counted, not listed: after a thousand the next one says nothing new. */
export const MISMATCHES_LISTED = 1_000;

/** Collects differences. */
export class Findings {
  readonly #listed: Mismatch[] = [];
  readonly #counts = new Map<MismatchCode, number>();

  add(code: MismatchCode, where: string, detail: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (this.#listed.length >= MISMATCHES_LISTED) return;
    this.#listed.push({ code, where, detail, ...MISMATCHES[code] });
  }

  get listed(): readonly Mismatch[] {
    return this.#listed;
  }

  get counts(): Readonly<Partial<Record<MismatchCode, number>>> {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}
