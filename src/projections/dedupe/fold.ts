// The fold: decides events in log order. It is pure: a verdict depends on the events and on the prior state
// that is passed in, and on no clock, configuration or server.
import { isControlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { PolicyDecision, PolicyRequest } from '../../domain/policy/decide.ts';
import {
  evolvePolicies,
  mutedUntil,
  policyFor,
  type PoliciesInForce,
} from '../../domain/policy/in-force.ts';
import type { Policy } from '../../domain/policy/policy.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { keyedPer } from '../../domain/policy/dedupe-key.ts';
import { instantOf, type Instants } from '../../domain/policy/windows.ts';
import type { Counts, EventRef, SentNotification, SentNotificationRef } from '../read-model.ts';
import type { Classified, ClassifiedEvent } from './classify.ts';
import {
  draftApplied,
  draftNotification,
  draftTriggered,
  type Draft,
  type MessageNames,
} from './messages.ts';
import { PageRows, type FoldedPage, type Numbering, type Window } from './page.ts';
import type { Prior } from './prior.ts';
import { rulesetOf, type Ruleset, type Rulesets } from './rulesets.ts';
import { instantsOf, subjectOf, subjectText } from './sent.ts';
import type { FoldState } from './state.ts';
import { SuppressedCounts, suppressedKey } from './suppressed.ts';

/** What a fold needs besides events and state; the same for all its pages. */
export type FoldContext = {
  readonly rulesets: Rulesets;
  readonly numbering: Numbering;
  readonly names: MessageNames;
};

export function foldPage(
  state: FoldState,
  events: readonly ClassifiedEvent[],
  prior: Prior,
  context: FoldContext,
): FoldedPage {
  const page = new PageFold(state, prior, context);
  for (const event of events) page.event(event);
  return page.result();
}

const NONE_SENT: readonly SentNotification[] = [];

class PageFold {
  readonly #prior: Prior;
  readonly #rulesets: Rulesets;
  readonly #names: MessageNames;
  readonly #rows: PageRows;
  readonly #counts: { -readonly [K in keyof Counts]: number };
  #position: Position;
  #last: EventRef | null;
  #ruleset: Ruleset;
  #policies: PoliciesInForce;
  #firstRecordedAt: Instant | undefined;
  /** All sent notifications of the subjects that this page has changed; {@link Prior} has the others. */
  readonly #changed = new Map<string, Map<string, SentNotification>>();
  readonly #sent = new Map<string, SentNotification>();
  readonly #amended = new Map<string, SentNotification>();
  readonly #suppressed: SuppressedCounts;

  constructor(state: FoldState, prior: Prior, { rulesets, numbering, names }: FoldContext) {
    this.#prior = prior;
    this.#suppressed = new SuppressedCounts(prior.suppressed);
    this.#rulesets = rulesets;
    this.#names = names;
    this.#rows = new PageRows(state, numbering, names);
    this.#counts = { ...state.counts };
    this.#position = state.position;
    this.#last = state.lastEvent;
    this.#ruleset = rulesetOf(rulesets, state.ruleset);
    this.#policies = state.policies;
  }

  event(event: ClassifiedEvent): void {
    const { recorded } = event;
    this.#position = recorded.position;
    this.#last = { id: recorded.id, stream: recorded.stream, revision: recorded.revision };
    this.#counts.events += 1;
    if (isControlStream(recorded.stream)) this.#rows.control(recorded);
    if (event.kind === 'ruleset') this.#ruleset = rulesetOf(this.#rulesets, event.ruleset);
    else if (event.kind === 'policy') this.#policies = evolvePolicies(this.#policies, event.change);
    else if (event.kind === 'unknown') this.#counts.unknown += 1;
    else if (event.kind === 'resolved') this.#resolve(event);
    else this.#decide(event, recorded.position);
  }

  result(): FoldedPage {
    const { ordinal, digest, rows } = this.#rows.result();
    return {
      state: {
        position: this.#position,
        lastEvent: this.#last,
        ruleset: this.#ruleset.number,
        policies: this.#policies,
        ordinal,
        digest,
        counts: this.#counts,
      },
      ...rows,
      sentNotifications: [...this.#sent.values()],
      amended: [...this.#amended.values()],
      suppressedRequests: this.#suppressed.rows(),
      firstRecordedAt: this.#firstRecordedAt,
    };
  }

  /** @param recordedAt decides a retried request, instead of its own `recordedAt` */
  #decide(event: ClassifiedEvent, at: Position, recordedAt?: Instant): void {
    if (event.kind === 'poison') {
      this.#park(event.recorded, at, event.fault.code, event.fault.detail);
    }
    if (event.kind === 'triggered') this.#triggered(event, at);
    if (event.kind === 'request') this.#request(event, at, recordedAt ?? event.metadata.recordedAt);
    if (event.kind === 'undelivered') this.#undelivered(event.ref);
    if (event.kind === 'redriven') this.#redriven(event.ref);
    if (event.kind === 'applied') this.#applied(event, at);
  }

  #triggered({ recorded, data, metadata }: Classified<'triggered'>, at: Position): void {
    this.#firstRecordedAt ??= metadata.recordedAt;
    const draft = draftTriggered(recorded, data, metadata, this.#names);
    if (this.#parkTooLarge(draft, at)) return;
    this.#counts.triggered += 1;
    this.#send(draft, at);
  }

  #request(event: Classified<'request'>, at: Position, recordedAt: Instant): void {
    const { recorded, data, metadata } = event;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const subject = subjectOf(data);
    const text = subjectText(subject);
    const instants = instantsOf(data, recordedAt);
    const severity = data.severity ?? null;
    const policy = policyFor(this.#policies, subject.triggerType);
    const decision = this.#decisionOf(policy, { ...subject, ...instants, severity }, text);
    const { windowStart, reason, basis } = decision;
    const { number: ruleset } = this.#ruleset;
    const window = { ...subject, windowStart };
    const key = suppressedKey(policy, subject);
    if (decision.verdict === 'suppressed') {
      this.#counts.suppressed += 1;
      this.#suppressed.add(key, instants.requestedAt, at);
      if (decision.extended !== null) this.#extend(text, decision.extended.id, instants);
      this.#rows.verdict(recorded, at, ruleset, window, 'suppressed', reason, basis);
      return;
    }
    const suppressedSince = this.#suppressed.since(key);
    const opened = { windowStart, per: keyedPer(policy), suppressedSince };
    const draft = draftNotification(recorded, data, metadata, opened, this.#names);
    if (this.#parkTooLarge(draft, at, window)) return;
    this.#counts.published += 1;
    if (suppressedSince !== null) this.#suppressed.reset(key);
    const { id } = draft;
    const sent: SentNotification = {
      ...subject,
      ...opened,
      ...instants,
      id,
      severity,
      bypass: reason === 'severity_rose',
      released: false,
      releases: 0,
      heldAt: null,
    };
    this.#sent.set(id, sent);
    this.#changing(text).set(id, sent);
    const sequence = this.#send(draft, at);
    this.#rows.verdict(recorded, at, ruleset, window, 'published', reason, basis, id, sequence);
  }

  #decisionOf(policy: Policy, request: PolicyRequest, subject: string): PolicyDecision {
    const { triggerType, recordedAt } = request;
    // A mute ends by `recordedAt`, never by a clock.
    const silenced = recordedAt < (mutedUntil(this.#policies, triggerType) ?? 0);
    // Without windows no notification matters, and a user may have had very many.
    const sent = policy.kind === 'none' ? NONE_SENT : this.#sentOf(subject);
    return this.#ruleset.decide(policy, request, sent, silenced);
  }

  /** A notification that never reached the person may stop holding its window. */
  #undelivered(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const all = this.#sentOf(text);
    const sent = all.find(({ id }) => id === ref.id);
    if (sent === undefined) return;
    const policy = policyFor(this.#policies, ref.triggerType);
    if (!this.#ruleset.mayRelease(policy, sent, all)) return;
    this.#amend(text, { ...sent, released: true, releases: sent.releases + 1 });
  }

  /** A notification that is sent again holds its window again. */
  #redriven(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const sent = this.#sentOf(text).find(({ id }) => id === ref.id);
    if (sent?.released === true) this.#amend(text, { ...sent, released: false });
  }

  #extend(text: string, id: string, instants: Instants): void {
    const sent = this.#sentOf(text).find((other) => other.id === id);
    if (sent === undefined) return;
    const policy = policyFor(this.#policies, sent.triggerType);
    this.#amend(text, { ...sent, heldAt: instantOf(policy, instants) });
  }

  #sentOf(text: string): readonly SentNotification[] {
    const sent = this.#changed.get(text) ?? this.#prior.sentNotifications.get(text);
    return sent === undefined ? NONE_SENT : [...sent.values()];
  }

  #changing(text: string): Map<string, SentNotification> {
    let sent = this.#changed.get(text);
    if (sent === undefined) {
      sent = new Map(this.#prior.sentNotifications.get(text));
      this.#changed.set(text, sent);
    }
    return sent;
  }

  #amend(text: string, sent: SentNotification): void {
    this.#changing(text).set(sent.id, sent);
    const isOfThisPage = this.#sent.has(sent.id);
    (isOfThisPage ? this.#sent : this.#amended).set(sent.id, sent);
  }

  #applied({ recorded, event, metadata }: Classified<'applied'>, at: Position): void {
    this.#firstRecordedAt ??= metadata.recordedAt;
    const draft = draftApplied(recorded, event, metadata, this.#names);
    if (!this.#parkTooLarge(draft, at)) this.#send(draft, at);
  }

  #send(draft: Draft, at: Position): bigint | null {
    return this.#rows.send(draft, at, this.#ruleset.number);
  }

  #parkTooLarge(draft: Draft, at: Position, window?: Window): boolean {
    const { maxBodyBytes } = this.#ruleset;
    if (draft.parts.bodyAtMost <= maxBodyBytes) return false;
    const { length } = draft.body;
    if (length <= maxBodyBytes) return false;
    const detail = `the body has ${length} bytes; the largest is ${maxBodyBytes}`;
    this.#park(draft.parts.source, at, 'message_too_large', detail, window);
    return true;
  }

  #park(recorded: RecordedEvent, at: Position, code: string, detail: string, window?: Window) {
    const { id: event, position, stream, revision, type } = recorded;
    const { number: ruleset } = this.#ruleset;
    this.#counts.parked += 1;
    const where = { event, position, stream, revision, type };
    this.#rows.parked.park({ ...where, code, detail, ruleset });
    if (type !== 'NotificationRequested') return;
    this.#rows.verdict(recorded, at, ruleset, window, 'parked', code, detail);
  }

  /** An operator's decision counts once, and only for a parked event: a repeat sends nothing twice. */
  #resolve(resolving: Classified<'resolved'>): void {
    const { event, action } = resolving.data;
    if (!(this.#rows.parked.isParked(event) ?? this.#prior.parked.has(event))) return;
    const retried = this.#prior.retried.get(event);
    if (action === 'retry' && retried === undefined) return; // Its stream is deleted: it stays parked.
    this.#rows.parked.unpark(event);
    if (action === 'drop' || retried === undefined) return;
    // Decide it again at the resolving event's position and time.
    this.#decide(retried, resolving.recorded.position, resolving.metadata.recordedAt);
  }
}
