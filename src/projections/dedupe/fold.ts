// The fold: events in log order to verdicts and messages. Pure: what it needs to know about earlier
// verdicts is handed to it, and it depends on nothing else: no clock, no configuration, no server.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { isControlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { PolicyDecision, PolicyRequest } from '../../domain/policy/decide.ts';
import {
  evolvePolicies,
  isSilenced,
  NO_POLICIES,
  policyFor,
  type PoliciesInForce,
} from '../../domain/policy/in-force.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { instantOf, type Instants } from '../../domain/policy/windows.ts';
import type { OutputMessage } from '../output.ts';
import type {
  Checkpoint,
  ControlRow,
  Counts,
  EventRef,
  SentNotification,
  SentNotificationRef,
  NotificationSubject,
  ParkedRow,
  RecentMessageRow,
  VerdictRow,
} from '../read-model.ts';
import {
  draftApplied,
  draftNotification,
  draftTriggered,
  GENESIS_DIGEST,
  nextDigest,
  render,
  type Draft,
  type MessageNames,
} from './messages.ts';
import { controlRow } from './control-rows.ts';
import { INITIAL_RULESET, RULESETS, type Ruleset } from './rulesets.ts';
import type { ClassifiedEvent } from './classify.ts';
import { instantsOf, subjectOf, subjectText, type SentById } from './subjects.ts';

/** What the fold carries from one event to the next. */
export type FoldState = {
  readonly position: Position;
  readonly lastEvent: EventRef | null;
  readonly ruleset: number;
  /** Not in the checkpoint: they follow from the control stream up to its position. */
  readonly policies: PoliciesInForce;
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
  policies: NO_POLICIES,
  ordinal: 0n,
  digest: GENESIS_DIGEST,
  counts: NO_COUNTS,
};

/** What is known from before the page. */
export type Prior = {
  /** Notices by {@link subjectText} and id: all that can bear on what the page decides. */
  readonly sentNotifications: ReadonlyMap<string, SentById>;
  /** Ids of the events that are parked. */
  readonly parked: ReadonlySet<string>;
  /** The steps of events that the page retries, by event id. */
  readonly retried: ReadonlyMap<string, ClassifiedEvent>;
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
  readonly sentNotifications: readonly SentNotification[];
  /** Notices of earlier pages that have changed. */
  readonly amended: readonly SentNotification[];
  readonly verdicts: readonly VerdictRow[];
  readonly recentMessages: readonly RecentMessageRow[];
  readonly parked: readonly ParkedRow[];
  readonly unparked: readonly string[];
  /** The page's control events. */
  readonly control: readonly ControlRow[];
  /** The first event's stamp; undefined when the page has none that could be read. */
  readonly firstRecordedAt: Instant | undefined;
};

/** What of a fold's state is kept: all but what the control stream says at any time. */
export function checkpointOf(
  state: FoldState,
  identity: Pick<Checkpoint, 'storeId' | 'output' | 'sequence'>,
): Checkpoint {
  const { policies: _, ...kept } = state;
  return { ...kept, ...identity };
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
  steps: readonly ClassifiedEvent[],
  known: Prior,
  list: List,
  names: MessageNames,
): FoldedPage {
  const page = new PageFold(state, known, list, names);
  for (const step of steps) page.event(step);
  return page.result();
}

/** Whom a request is about, and where its window begins. */
type Window = NotificationSubject & { readonly windowStart: Instant };

const NO_NOTICES: readonly SentNotification[] = [];

/** A page in the making: mutable within, so that a page costs one allocation per row and no more. */
class PageFold {
  readonly #known: Prior;
  readonly #list: List;
  readonly #names: MessageNames;
  readonly #counts: { -readonly [K in keyof Counts]: number };
  #position: Position;
  #last: EventRef | null;
  #ruleset: Ruleset;
  #policies: PoliciesInForce;
  #ordinal: bigint;
  #digest: string;
  #firstRecordedAt: Instant | undefined;
  /** Notices of subjects that this page has changed; of others, {@link Prior} has them. */
  readonly #changed = new Map<string, Map<string, SentNotification>>();
  readonly #messages: PlannedMessage[] = [];
  readonly #notices = new Map<string, SentNotification>();
  readonly #amended = new Map<string, SentNotification>();
  readonly #verdicts: VerdictRow[] = [];
  readonly #tail: RecentMessageRow[] = [];
  readonly #parked = new Map<string, ParkedRow>();
  readonly #unparked = new Set<string>();
  readonly #control: ControlRow[] = [];

  constructor(state: FoldState, known: Prior, list: List, names: MessageNames) {
    this.#known = known;
    this.#list = list;
    this.#names = names;
    this.#counts = { ...state.counts };
    this.#position = state.position;
    this.#last = state.lastEvent;
    this.#ruleset = rulesetOf(state.ruleset);
    this.#policies = state.policies;
    this.#ordinal = state.ordinal;
    this.#digest = state.digest;
  }

  event(step: ClassifiedEvent): void {
    const { recorded } = step;
    this.#position = recorded.position;
    this.#last = { id: recorded.id, stream: recorded.stream, revision: recorded.revision };
    this.#counts.events += 1;
    if (isControlStream(recorded.stream)) this.#control.push(controlRow(recorded));
    if (step.kind === 'ruleset') this.#ruleset = rulesetOf(step.ruleset);
    else if (step.kind === 'policy') this.#policies = evolvePolicies(this.#policies, step.change);
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
        policies: this.#policies,
        ordinal: this.#ordinal,
        digest: this.#digest,
        counts: this.#counts,
      },
      messages: this.#messages,
      sentNotifications: [...this.#notices.values()],
      amended: [...this.#amended.values()],
      verdicts: this.#verdicts,
      recentMessages: this.#tail,
      parked: [...this.#parked.values()],
      unparked: [...this.#unparked],
      control: this.#control,
      firstRecordedAt: this.#firstRecordedAt,
    };
  }

  /** @param recordedAt the stamp that a request is decided by, where it is not its own */
  #decide(step: ClassifiedEvent, at: Position, recordedAt?: Instant): void {
    if (step.kind === 'poison') this.#park(step.recorded, at, step.fault.code, step.fault.detail);
    if (step.kind === 'triggered') this.#triggered(step, at);
    if (step.kind === 'request') this.#request(step, at, recordedAt ?? step.metadata.recordedAt);
    if (step.kind === 'undelivered') this.#undelivered(step.ref);
    if (step.kind === 'redriven') this.#redriven(step.ref);
    if (step.kind === 'applied') this.#applied(step, at);
  }

  #triggered(step: Extract<ClassifiedEvent, { kind: 'triggered' }>, at: Position): void {
    const { recorded, data, metadata } = step;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const draft = draftTriggered(recorded, data, metadata, this.#names);
    if (this.#tooLarge(draft, at)) return;
    this.#counts.triggered += 1;
    this.#send(draft, at);
  }

  #request(
    step: Extract<ClassifiedEvent, { kind: 'request' }>,
    at: Position,
    recordedAt: Instant,
  ): void {
    const { recorded, data, metadata } = step;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const subject = subjectOf(data);
    const text = subjectText(subject);
    const instants = instantsOf(data, recordedAt);
    const severity = data.severity ?? null;
    const decision = this.#verdictOf({ ...subject, ...instants, severity }, text);
    const { windowStart, reason, basis } = decision;
    const key = { ...subject, windowStart };
    if (decision.verdict === 'suppressed') {
      this.#counts.suppressed += 1;
      const { extended } = decision;
      if (extended !== null) this.#extend(text, extended.id, instants);
      this.#verdict(recorded, at, key, 'suppressed', reason, basis);
      return;
    }
    const draft = draftNotification(recorded, data, metadata, windowStart, this.#names);
    if (this.#tooLarge(draft, at, key)) return;
    this.#counts.published += 1;
    const notice: SentNotification = {
      ...key,
      ...instants,
      id: draft.id,
      severity,
      bypass: reason === 'severity_rose',
      released: false,
      releases: 0,
      heldAt: null,
    };
    this.#notices.set(notice.id, notice);
    this.#changing(text).set(notice.id, notice);
    const sequence = this.#send(draft, at);
    this.#verdict(recorded, at, key, 'published', reason, basis, draft.id, sequence);
  }

  #verdictOf(request: PolicyRequest, subject: string): PolicyDecision {
    const { triggerType, recordedAt } = request;
    const policy = policyFor(this.#policies, triggerType);
    const silenced = isSilenced(this.#policies, triggerType, recordedAt);
    return this.#ruleset.decide(policy, request, this.#noticesOf(subject), silenced);
  }

  /** A notice that never reached the person stops holding its window. */
  #undelivered(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const notices = this.#noticesOf(text);
    const notice = notices.find(({ id }) => id === ref.id);
    if (notice === undefined) return;
    const policy = policyFor(this.#policies, ref.triggerType);
    if (!this.#ruleset.mayRelease(policy, ref, notice, notices)) return;
    this.#amend(text, { ...notice, released: true, releases: notice.releases + 1 });
  }

  /** A notice that is sent again takes its window again. */
  #redriven(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const notice = this.#noticesOf(text).find(({ id }) => id === ref.id);
    if (notice?.released === true) this.#amend(text, { ...notice, released: false });
  }

  #extend(text: string, id: string, instants: Instants): void {
    const notice = this.#noticesOf(text).find((other) => other.id === id);
    if (notice === undefined) return;
    const policy = policyFor(this.#policies, notice.triggerType);
    this.#amend(text, { ...notice, heldAt: instantOf(policy, instants) });
  }

  #noticesOf(text: string): readonly SentNotification[] {
    const notices = this.#changed.get(text) ?? this.#known.sentNotifications.get(text);
    return notices === undefined ? NO_NOTICES : [...notices.values()];
  }

  #changing(text: string): Map<string, SentNotification> {
    let notices = this.#changed.get(text);
    if (notices === undefined) {
      notices = new Map(this.#known.sentNotifications.get(text));
      this.#changed.set(text, notices);
    }
    return notices;
  }

  #amend(text: string, notice: SentNotification): void {
    this.#changing(text).set(notice.id, notice);
    const isOfThisPage = this.#notices.has(notice.id);
    (isOfThisPage ? this.#notices : this.#amended).set(notice.id, notice);
  }

  #applied(
    { recorded, event, metadata }: Extract<ClassifiedEvent, { kind: 'applied' }>,
    at: Position,
  ): void {
    this.#firstRecordedAt ??= metadata.recordedAt;
    const draft = draftApplied(recorded, event, metadata, this.#names);
    if (!this.#tooLarge(draft, at)) this.#send(draft, at);
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
    key: Window | undefined,
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

  #tooLarge(draft: Draft, at: Position, key?: Window): boolean {
    const { maxBodyBytes } = this.#ruleset;
    if (draft.bodyAtMost <= maxBodyBytes) return false;
    const { length } = draft.body;
    if (length <= maxBodyBytes) return false;
    const detail = `the body has ${length} bytes; the largest is ${maxBodyBytes}`;
    this.#park(draft.source, at, 'message_too_large', detail, key);
    return true;
  }

  #park(recorded: RecordedEvent, at: Position, code: string, detail: string, key?: Window): void {
    const { id: event, position, stream, revision, type } = recorded;
    const { number: ruleset } = this.#ruleset;
    this.#counts.parked += 1;
    this.#parked.delete(event);
    this.#parked.set(event, { event, position, stream, revision, type, code, detail, ruleset });
    this.#unparked.delete(event);
    if (type === 'NotificationRequested') this.#verdict(recorded, at, key, 'parked', code, detail);
  }

  /** An operator's decision counts once, and only for what is parked: nothing is sent twice by it. */
  #resolve(step: Extract<ClassifiedEvent, { kind: 'resolved' }>): void {
    const { event, action } = step.data;
    const isParked = this.#parked.has(event) || this.#known.parked.has(event);
    if (!isParked || this.#unparked.has(event)) return;
    const retried = this.#known.retried.get(event);
    if (action === 'retry' && retried === undefined) return; // Its stream is gone: it stays parked.
    this.#parked.delete(event);
    this.#unparked.add(event);
    if (action === 'drop' || retried === undefined) return;
    // As if it came now: at this place, and by this event's stamp.
    this.#decide(retried, step.recorded.position, step.metadata.recordedAt);
  }
}
