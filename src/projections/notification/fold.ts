// The fold: events in log order to verdicts and messages. Pure: what it needs to know about earlier
// verdicts is handed to it, and it depends on nothing else: no clock, no configuration, no server.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { RecordedEvent } from '../../domain/ports/event-store.ts';
import type {
  Counts,
  EventRef,
  Notice,
  OutputMessage,
  ParkedRow,
  TailRow,
  VerdictRow,
  WindowKey,
} from '../ports.ts';
import {
  draftNotification,
  draftTriggered,
  GENESIS_DIGEST,
  nextDigest,
  render,
  type Draft,
  type MessageNames,
} from './messages.ts';
import { INITIAL_RULESET, RULESETS, windowKeyOf, windowKeyText, type Ruleset } from './rulesets.ts';
import type { Step } from './steps.ts';

/** What the fold carries from one event to the next. */
export type FoldState = {
  readonly position: Position;
  readonly lastEvent: EventRef | null;
  readonly ruleset: number;
  /** Messages of the list so far. */
  readonly ordinal: bigint;
  readonly digest: string;
  readonly counts: Counts;
};

export const NO_COUNTS: Counts = {
  events: 0,
  triggered: 0,
  published: 0,
  suppressed: 0,
  parked: 0,
  unknown: 0,
};

/** The state before the first event. */
export const initialFold: FoldState = {
  position: { commit: 0n, prepare: 0n },
  lastEvent: null,
  ruleset: INITIAL_RULESET,
  ordinal: 0n,
  digest: GENESIS_DIGEST,
  counts: NO_COUNTS,
};

/** What is known from before the page. */
export type Known = {
  /** Notice ids by {@link windowKeyText}, for every window that the page asks about. */
  readonly holders: ReadonlyMap<string, string>;
  /** Ids of the events that are parked. */
  readonly parked: ReadonlySet<string>;
  /** The steps of events that the page retries, by event id. */
  readonly retried: ReadonlyMap<string, Step>;
};

/** The list that messages belong to. */
export type List = {
  /** Events up to here have verdicts, but their messages are not of this list. */
  readonly after: Position;
  readonly sequenceOf: (ordinal: bigint) => bigint;
};

/** A message with its place. */
export type PlannedMessage = {
  readonly ordinal: bigint;
  readonly id: string;
  readonly digest: string;
  readonly rule: Draft['rule'];
  readonly message: OutputMessage;
};

/** What a page of events amounts to: rows for the read model, messages for the output. */
export type FoldedPage = {
  readonly state: FoldState;
  readonly messages: readonly PlannedMessage[];
  readonly notices: readonly Notice[];
  readonly verdicts: readonly VerdictRow[];
  readonly tail: readonly TailRow[];
  readonly parked: readonly ParkedRow[];
  readonly unparked: readonly string[];
  /** The first event's stamp; undefined when the page has none that could be read. */
  readonly firstRecordedAt: Instant | undefined;
};

/** The windows that a page asks about; hand their holders to {@link foldPage}. */
export function windowsOf(
  state: FoldState,
  steps: readonly Step[],
  retried: ReadonlyMap<string, Step>,
): readonly WindowKey[] {
  let ruleset = rulesetOf(state.ruleset);
  return steps.flatMap((step) => {
    if (step.kind === 'ruleset') ruleset = rulesetOf(step.ruleset);
    const decided = step.kind === 'resolved' ? retried.get(step.data.event) : step;
    return decided?.kind === 'request' ? [windowKeyOf(ruleset, decided.data)] : [];
  });
}

/** The ruleset of that number. @throws TocsinError `ruleset_unknown`: this code must not go on */
export function rulesetOf(number: number): Ruleset {
  const ruleset = RULESETS.get(number);
  if (ruleset !== undefined) return ruleset;
  const known = [...RULESETS.keys()].join(', ');
  const message = `the log is under ruleset ${number}; this version knows ${known}`;
  throw new TocsinError('refused', 'ruleset_unknown', message, {
    hint: 'Run a version of Tocsin that knows it. Going on would decide otherwise than others did.',
  });
}

/** Folds one page of events. */
export function foldPage(
  state: FoldState,
  steps: readonly Step[],
  known: Known,
  list: List,
  names: MessageNames,
): FoldedPage {
  const page = new PageFold(state, known, list, names);
  for (const step of steps) page.event(step);
  return page.result();
}

/** A page in the making: mutable within, so that a page costs one allocation per row and no more. */
class PageFold {
  readonly #known: Known;
  readonly #list: List;
  readonly #names: MessageNames;
  readonly #counts: { -readonly [K in keyof Counts]: number };
  #position: Position;
  #last: EventRef | null;
  #ruleset: Ruleset;
  #ordinal: bigint;
  #digest: string;
  #firstRecordedAt: Instant | undefined;
  readonly #held = new Map<string, string>();
  readonly #messages: PlannedMessage[] = [];
  readonly #notices: Notice[] = [];
  readonly #verdicts: VerdictRow[] = [];
  readonly #tail: TailRow[] = [];
  readonly #parked = new Map<string, ParkedRow>();
  readonly #unparked = new Set<string>();

  constructor(state: FoldState, known: Known, list: List, names: MessageNames) {
    this.#known = known;
    this.#list = list;
    this.#names = names;
    this.#counts = { ...state.counts };
    this.#position = state.position;
    this.#last = state.lastEvent;
    this.#ruleset = rulesetOf(state.ruleset);
    this.#ordinal = state.ordinal;
    this.#digest = state.digest;
  }

  event(step: Step): void {
    const { recorded } = step;
    this.#position = recorded.position;
    this.#last = { id: recorded.id, stream: recorded.stream, revision: recorded.revision };
    this.#counts.events += 1;
    if (step.kind === 'ruleset') this.#ruleset = rulesetOf(step.ruleset);
    else if (step.kind === 'unknown') this.#counts.unknown += 1;
    else if (step.kind === 'resolved') this.#resolve(step);
    else this.#decide(step, recorded.position);
  }

  result(): FoldedPage {
    return {
      state: {
        position: this.#position,
        lastEvent: this.#last,
        ruleset: this.#ruleset.number,
        ordinal: this.#ordinal,
        digest: this.#digest,
        counts: this.#counts,
      },
      messages: this.#messages,
      notices: this.#notices,
      verdicts: this.#verdicts,
      tail: this.#tail,
      parked: [...this.#parked.values()],
      unparked: [...this.#unparked],
      firstRecordedAt: this.#firstRecordedAt,
    };
  }

  #decide(step: Step, at: Position): void {
    if (step.kind === 'poison') this.#park(step.recorded, at, step.fault.code, step.fault.detail);
    if (step.kind === 'triggered') this.#triggered(step, at);
    if (step.kind === 'request') this.#request(step, at);
  }

  #triggered(step: Extract<Step, { kind: 'triggered' }>, at: Position): void {
    const { recorded, data, metadata } = step;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const draft = draftTriggered(recorded, data, metadata, this.#names);
    if (this.#tooLarge(draft, at)) return;
    this.#counts.triggered += 1;
    this.#send(draft, at);
  }

  #request(step: Extract<Step, { kind: 'request' }>, at: Position): void {
    const { recorded, data, metadata } = step;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const key = windowKeyOf(this.#ruleset, data);
    const text = windowKeyText(key);
    const holder = this.#held.get(text) ?? this.#known.holders.get(text);
    const decision = this.#ruleset.decide(data, holder);
    if (decision.verdict === 'suppressed') {
      this.#counts.suppressed += 1;
      this.#verdict(recorded, at, key, 'suppressed', decision.reason, decision.holder);
      return;
    }
    const draft = draftNotification(recorded, data, metadata, key.windowStart, this.#names);
    if (this.#tooLarge(draft, at, key)) return;
    this.#counts.published += 1;
    this.#held.set(text, draft.id);
    const { triggerRequestedAt: requestedAt } = data;
    this.#notices.push({ ...key, id: draft.id, requestedAt, recordedAt: metadata.recordedAt });
    const sequence = this.#send(draft, at);
    this.#verdict(recorded, at, key, 'published', decision.reason, null, draft.id, sequence);
  }

  /** Gives a draft its place in the list; `null` when its event lies before the list. */
  #send(draft: Draft, at: Position): bigint | null {
    if (comparePositions(at, this.#list.after) <= 0) return null;
    const { id, rule, source, metadata } = draft;
    this.#ordinal += 1n;
    this.#digest = nextDigest(this.#digest, id);
    const place = { ordinal: this.#ordinal, digest: this.#digest };
    const { number: ruleset } = this.#ruleset;
    const message = render(draft, { ...place, ruleset }, this.#names);
    this.#messages.push({ ...place, id, rule, message });
    const sequence = this.#list.sequenceOf(this.#ordinal);
    const { position, stream, revision } = source;
    const { recordedAt } = metadata;
    this.#tail.push({
      ...place,
      sequence,
      source: source.id,
      position,
      stream,
      revision,
      rule,
      ruleset,
      id,
      recordedAt,
    });
    return sequence;
  }

  #verdict(
    recorded: RecordedEvent,
    position: Position,
    key: WindowKey | undefined,
    verdict: VerdictRow['verdict'],
    reason: string,
    basis: string | null,
    messageId: string | null = null,
    sequence: bigint | null = null,
  ): void {
    const { id: event, stream, revision } = recorded;
    const { number: ruleset } = this.#ruleset;
    const { user = null, triggerType = null, windowStart = null } = key ?? {};
    const about = { event, position, stream, revision, ruleset, user, triggerType, windowStart };
    this.#verdicts.push({ ...about, verdict, reason, basis, messageId, sequence });
  }

  #tooLarge(draft: Draft, at: Position, key?: WindowKey): boolean {
    const { length } = draft.body;
    const { maxBodyBytes } = this.#ruleset;
    if (length <= maxBodyBytes) return false;
    const detail = `the body has ${length} bytes; the largest is ${maxBodyBytes}`;
    this.#park(draft.source, at, 'message_too_large', detail, key);
    return true;
  }

  #park(
    recorded: RecordedEvent,
    at: Position,
    code: string,
    detail: string,
    key?: WindowKey,
  ): void {
    const { id: event, position, stream, revision, type } = recorded;
    const { number: ruleset } = this.#ruleset;
    this.#counts.parked += 1;
    this.#parked.set(event, { event, position, stream, revision, type, code, detail, ruleset });
    this.#unparked.delete(event);
    if (type === 'NotificationRequested') this.#verdict(recorded, at, key, 'parked', code, detail);
  }

  /** An operator's decision counts once, and only for what is parked: nothing is sent twice by it. */
  #resolve(step: Extract<Step, { kind: 'resolved' }>): void {
    const { event, action } = step.data;
    const isParked = this.#parked.has(event) || this.#known.parked.has(event);
    if (!isParked || this.#unparked.has(event)) return;
    const retried = this.#known.retried.get(event);
    if (action === 'retry' && retried === undefined) return; // Its stream is gone: it stays parked.
    this.#parked.delete(event);
    this.#unparked.add(event);
    if (action === 'retry' && retried !== undefined) this.#decide(retried, step.recorded.position);
  }
}
