// The kinds of differences that verify finds: what each means, and what to do.
import { formatPosition } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';

const REBUILD =
  'Rebuild the read model with `tocsin audit rebuild`. If the difference comes back, keep copies of both read models.';
const KEEP =
  'Stop the writers, keep copies of the log and the stream, and find out who else can write to the stream. Consumers that act once per ce-id can go on reading.';
const RESTORE =
  'Restore the log from a copy that verifies, or compare the two: export both with `tocsin audit export` and find the first line that differs.';

type Explanation = { readonly meaning: string; readonly action: string };

const rebuild = (meaning: string): Explanation => ({ meaning, action: REBUILD });
const keep = (meaning: string): Explanation => ({ meaning, action: KEEP });
const restore = (meaning: string): Explanation => ({ meaning, action: RESTORE });

/** Every kind of difference. Programs read the names, so they do not change. */
export const MISMATCHES = {
  event_changed: restore(
    'An event of the log is not as it was written: it is not as a notary has signed its leaf, or it contradicts the events that it belongs to.',
  ),
  event_missing: restore(
    'An event is no longer in the log: a notary has signed its leaf, a message of it was sent, or other events presuppose it.',
  ),
  event_added: restore(
    'The log has an event in a place where there was none before, or where no command writes it.',
  ),
  event_moved: restore('Events of the log have another order than when a notary signed them.'),
  log_differs: restore(
    'The log is not as it was when a notary signed a head of it. Without the hashes of the leaves, the place is known only by the heads around it.',
  ),
  store_changed: {
    meaning: 'The read model was made from another log.',
    action: 'Check --store and --state: each log needs its own read model.',
  },
  control_changed: restore(
    'A control event (ruleset, policy, output, operator’s decision) was changed after verdicts had been made under it.',
  ),
  control_missing: restore(
    'A control event under which verdicts were made is no longer in the log.',
  ),
  control_extra: restore(
    'The log has a control event that was not there when the projector read that part of the log.',
  ),
  revision_gap: restore(
    'A stream lacks an event: the revisions of a stream have no gaps in a complete log.',
  ),
  checkpoint_changed: rebuild(
    'The read model’s totals or digest differ from those that the log gives up to its checkpoint.',
  ),
  verdict_missing: rebuild(
    'The log requests a notification, and the read model has no verdict about the request.',
  ),
  verdict_extra: rebuild('The read model has a verdict about a request that is not in the log.'),
  verdict_changed: rebuild(
    'The read model’s verdict about a request differs from the verdict that the log gives.',
  ),
  notice_missing: {
    meaning:
      'A notification was sent, and the read model does not have it as the holder of its window.',
    action: `The next notification in this window would be sent too. ${REBUILD}`,
  },
  notice_extra: rebuild(
    'The read model has a sent notification that the log does not give: it would suppress others.',
  ),
  notice_changed: rebuild(
    'A sent notification differs from the one that the log gives: it may hold another window.',
  ),
  suppressed_changed: rebuild(
    'The requests that were suppressed since a notification differ from those that the log gives: the next notification would tell a wrong number.',
  ),
  muted_changed: rebuild(
    'The requests that a mute suppressed, and that an operator may release, differ from those that the log gives.',
  ),
  parked_changed: rebuild('The parked events differ from those that the log gives.'),
  tail_changed: rebuild(
    'The recent messages, from which lost messages are sent again, differ from those that the log gives.',
  ),
  output_missing: {
    meaning:
      'The output stream that the log names does not exist, or is another stream of the same name.',
    action: 'Check --nats and --stream. `tocsin project` says how to go on.',
  },
  message_missing: {
    meaning: 'A message was committed as stored, and the stream does not contain it.',
    action:
      'The server lost the message, or somebody deleted it. `tocsin project --resend-from POSITION` sends all messages after a position again; consumers that act once per ce-id do not act twice.',
  },
  message_extra: keep(
    'The stream contains a message with Tocsin’s headers that the log does not give.',
  ),
  message_altered: keep(
    'A stored message differs from the message that the log gives for its event.',
  ),
  message_reordered: keep('A message is not at its sequence, and no foreign message explains why.'),
  delivery_without_request: {
    meaning: 'There is a delivery of a notification that was never sent.',
    action:
      'A person may have got a message without cause. Find out who wrote that stream: see its actor.',
  },
  request_discarded: {
    meaning:
      'A notification was let through and has no delivery, and the stream has discarded its message at a limit.',
    action:
      'Run a worker with this read model: it finds the request in the log, and delivers it or records that it expired. Raise the limits of the stream (max_age, max_msgs, max_bytes).',
  },
  delivery_changed: restore(
    'A delivery does not fit the request that it names, or cannot be read.',
  ),
  delivery_missing: restore(
    'A notification was sent, and the record of its delivery is no longer in the log, in whole or in part.',
  ),
  time_disorder: {
    meaning: 'An event was recorded much earlier or later than the events around it.',
    action:
      'Check the clock of the writer: see its actor. If the clock was right, somebody has changed the time, and with it perhaps who knew what at which time.',
  },
  state_schema_changed: rebuild(
    'The file of the read model has other tables, indexes or triggers than the projector makes: it may answer wrongly, or change what is written to it.',
  ),
} as const satisfies Record<string, Explanation>;

export type MismatchCode = keyof typeof MISMATCHES;

/** One difference. */
export type Mismatch = {
  readonly code: MismatchCode;
  /** Which row, message or event. */
  readonly where: string;
  readonly detail: string;
  readonly meaning: string;
  readonly action: string;
};

/** Further differences are counted, but not listed. */
export const MISMATCHES_LISTED = 1_000;

/**
 * Differences that lie in the log itself, most certain first. Read model and stream are derived from the log, so their
 * differences may follow from these.
 */
const IN_THE_LOG: readonly MismatchCode[] = [
  'store_changed',
  'event_changed',
  'event_missing',
  'event_added',
  'event_moved',
  'log_differs',
  'revision_gap',
  'control_changed',
  'control_missing',
  'control_extra',
  'delivery_changed',
  'delivery_missing',
  'delivery_without_request',
];

export class Findings {
  readonly #listed: Mismatch[] = [];
  readonly #counts = new Map<MismatchCode, number>();
  /** Listed for each code apart, so that a thousand consequences leave room for their cause. */
  readonly #listedOf = new Map<MismatchCode, number>();

  add(code: MismatchCode, where: string, detail: string): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const listed = this.#listedOf.get(code) ?? 0;
    if (listed >= MISMATCHES_LISTED) return;
    this.#listedOf.set(code, listed + 1);
    this.#listed.push({ code, where, detail, ...MISMATCHES[code] });
  }

  /** True when a difference lies in the log: nothing that is derived from it can then be judged. */
  get isLogInDoubt(): boolean {
    return IN_THE_LOG.some((code) => this.#counts.has(code));
  }

  /** The differences of the log, most certain first; all differences while there are none in the log. */
  get listed(): readonly Mismatch[] {
    const causes = IN_THE_LOG.flatMap((code) => this.#listed.filter((one) => one.code === code));
    return (this.isLogInDoubt ? causes : this.#listed).slice(0, MISMATCHES_LISTED);
  }

  /** The differences that may follow from those of the log; they are counted and not listed. */
  get consequences(): Readonly<Partial<Record<MismatchCode, number>>> {
    if (!this.isLogInDoubt) return {};
    return Object.fromEntries([...this.#counts].filter(([code]) => !IN_THE_LOG.includes(code)));
  }

  get counts(): Readonly<Partial<Record<MismatchCode, number>>> {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** What names an event. */
export type NamedEvent = Pick<RecordedEvent, 'type' | 'stream' | 'revision' | 'position'>;

/** Names an event in a difference. */
export function eventText({ type, stream, revision, position }: NamedEvent): string {
  return `event ${revision} of ${stream} (${type}) at ${formatPosition(position)}`;
}
