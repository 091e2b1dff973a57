// The rows and messages that one page of events results in.
import { hash } from 'node:crypto';
import type { Instant } from '../../domain/core/instants.ts';
import { canonicalJson, type Json } from '../../domain/core/json.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import {
  isUnreadable,
  type RecordedEvent,
  type Unreadable,
} from '../../domain/core/recorded-event.ts';
import type { OutputMessage } from '../output.ts';
import type {
  ControlRow,
  NotificationSubject,
  ReadModelCommit,
  RecentMessageRow,
  VerdictMinute,
  VerdictRow,
} from '../read-model.ts';
import { ParkedEvents } from './parked-events.ts';
import { nextDigest, render, type Draft, type MessageNames, type MessageRule } from './messages.ts';
import type { FoldState } from './state.ts';

/** Which events make messages of a generation, and at which sequence each message is stored. */
export type Numbering = {
  /** Events up to this position get verdicts, but their messages are not of this generation. */
  readonly after: Position;
  readonly sequenceOf: (ordinal: bigint) => bigint;
};

const END = 2n ** 64n;
const MINUTE_MS = 60_000;

/** No generation: no event makes a message. */
export const NO_MESSAGES: Numbering = {
  after: { commit: END, prepare: END },
  sequenceOf: () => 0n,
};

export type PlannedMessage = {
  readonly ordinal: bigint;
  readonly id: string;
  readonly digest: string;
  readonly rule: MessageRule;
  readonly message: OutputMessage;
};

/** The result of folding a page: the next state, rows for the read model, messages for the output. */
export type FoldedPage = Required<Omit<ReadModelCommit, 'checkpoint'>> & {
  readonly state: FoldState;
  readonly messages: readonly PlannedMessage[];
  /** `recordedAt` of the first event that made a message or verdict; undefined without such an event. */
  readonly firstRecordedAt: Instant | undefined;
};

export type Window = NotificationSubject & { readonly windowStart: Instant };

/** Collects a page's rows and messages. Mutable, so that a row costs one allocation. */
export class PageRows {
  readonly #numbering: Numbering;
  readonly #names: MessageNames;
  #ordinal: bigint;
  #digest: string;
  readonly #messages: PlannedMessage[] = [];
  readonly #verdicts: VerdictRow[] = [];
  readonly #recentMessages: RecentMessageRow[] = [];
  readonly parked = new ParkedEvents();
  readonly #control: ControlRow[] = [];
  readonly #minutes = new Map<string, VerdictMinute>();

  constructor({ ordinal, digest }: FoldState, numbering: Numbering, names: MessageNames) {
    this.#numbering = numbering;
    this.#names = names;
    this.#ordinal = ordinal;
    this.#digest = digest;
  }

  /**
   * Makes the next message of the generation from a draft.
   * @returns its sequence; `null` when the event lies before the generation, and nothing is made
   */
  send(draft: Draft, decidedAt: Position, ruleset: number): bigint | null {
    if (comparePositions(decidedAt, this.#numbering.after) <= 0) return null;
    const { id } = draft;
    const { rule, source, metadata } = draft.parts;
    this.#ordinal += 1n;
    this.#digest = nextDigest(this.#digest, id);
    const number = { ordinal: this.#ordinal, digest: this.#digest };
    const message = render(draft, { ...number, ruleset }, this.#names);
    this.#messages.push({ ...number, id, rule, message });
    const sequence = this.#numbering.sequenceOf(this.#ordinal);
    const { id: event, position, stream, revision } = source;
    const { recordedAt } = metadata;
    const where = { source: event, position, stream, revision };
    this.#recentMessages.push({ ...number, sequence, ...where, rule, ruleset, id, recordedAt });
    return sequence;
  }

  verdict(
    recorded: RecordedEvent,
    position: Position,
    ruleset: number,
    window: Window | undefined,
    verdict: VerdictRow['verdict'],
    reason: string,
    basis: string | null,
    messageId: string | null = null,
    sequence: bigint | null = null,
  ): void {
    const { id: event, stream, revision } = recorded;
    const { user = null, triggerType = null, windowStart = null } = window ?? {};
    const about = { event, position, stream, revision, ruleset, user, triggerType, windowStart };
    this.#verdicts.push({ ...about, verdict, reason, basis, messageId, sequence });
  }

  /** Counts a decided request in the minute in which it was recorded. */
  count(recordedAt: Instant, verdict: VerdictMinute['verdict']): void {
    const minute = Math.floor(recordedAt / MINUTE_MS) * MINUTE_MS;
    const key = `${verdict} ${minute}`;
    const requests = (this.#minutes.get(key)?.requests ?? 0) + 1;
    this.#minutes.set(key, { minute, verdict, requests });
  }

  control(recorded: RecordedEvent): void {
    this.#control.push(controlRow(recorded));
  }

  result() {
    return {
      ordinal: this.#ordinal,
      digest: this.#digest,
      rows: {
        messages: this.#messages,
        verdicts: this.#verdicts,
        recentMessages: this.#recentMessages,
        ...this.parked.rows(),
        control: this.#control,
        verdictMinutes: [...this.#minutes.values()],
      },
    };
  }
}

/** The row of a control event: its digest shows later whether it is still the same event. */
function controlRow(recorded: RecordedEvent): ControlRow {
  const { id: event, position, revision, type, data, metadata } = recorded;
  const content = canonicalJson([type, asJson(data), asJson(metadata)]);
  return { event, position, revision, type, digest: hash('sha256', content) };
}

function asJson(value: Json | Unreadable): Json {
  return isUnreadable(value) ? Buffer.from(value.unreadable).toString('base64') : value;
}
