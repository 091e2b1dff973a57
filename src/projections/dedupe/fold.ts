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
import type { KeyedPer } from '../../domain/policy/per.ts';
import { instantOf, type Instants } from '../../domain/policy/windows.ts';
import type {
  Counts,
  EventRef,
  MutedRequest,
  SentNotification,
  SentNotificationRef,
} from '../read-model.ts';
import type { Classified, ClassifiedEvent } from './classify.ts';
import {
  draftApplied,
  draftNotification,
  draftTriggered,
  type Draft,
  type MessageNames,
} from './messages.ts';
import { MutedRequests } from './muted.ts';
import { PageRows, type FoldedPage, type Numbering, type Window } from './page.ts';
import { PageSent } from './page-sent.ts';
import type { Prior } from './prior.ts';
import { rulesetOf, type Ruleset, type Rulesets } from './rulesets.ts';
import { instantsOf, subjectOf, subjectText, type Request } from './sent.ts';
import type { FoldState } from './state.ts';
import { SuppressedCounts, suppressedKey, suppressedText } from './suppressed.ts';

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
  readonly #sent: PageSent;
  readonly #suppressed: SuppressedCounts;
  readonly #muted: MutedRequests;

  constructor(state: FoldState, prior: Prior, { rulesets, numbering, names }: FoldContext) {
    this.#prior = prior;
    this.#sent = new PageSent(prior.sentNotifications);
    this.#suppressed = new SuppressedCounts(prior.suppressed);
    this.#muted = new MutedRequests(prior.muted);
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
    else if (event.kind === 'request_released') this.#letThrough(event);
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
      ...this.#sent.rows(),
      suppressedRequests: this.#suppressed.rows(),
      ...this.#muted.rows(),
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

  /** @param released the request that an operator lets through: mutes and staleness do not count */
  #request(
    event: Classified<'request'>,
    at: Position,
    recordedAt: Instant,
    released?: MutedRequest,
  ): void {
    const { recorded, data, metadata } = event;
    this.#firstRecordedAt ??= metadata.recordedAt;
    const subject = subjectOf(data);
    const text = subjectText(subject);
    const instants = instantsOf(data, recordedAt);
    const severity = data.severity ?? null;
    const inForce = policyFor(this.#policies, subject.triggerType);
    const policy = released === undefined ? inForce : { ...inForce, staleAfterMs: undefined };
    // A mute ends by `recordedAt`, never by a clock.
    const silenced =
      released === undefined && recordedAt < (mutedUntil(this.#policies, subject.triggerType) ?? 0);
    const asked = { ...subject, ...instants, severity };
    const decision = this.#decisionOf(policy, asked, text, silenced);
    const { windowStart, reason, basis } = decision;
    const { number: ruleset } = this.#ruleset;
    const window = { ...subject, windowStart };
    const per = keyedPer(policy);
    const key = suppressedKey(per, subject);
    const keyText = suppressedText(key, text);
    if (decision.verdict === 'suppressed') {
      this.#counts.suppressed += 1;
      this.#rows.count(recordedAt, 'suppressed');
      // A released request was counted when it was muted.
      if (released === undefined) this.#suppressed.add(keyText, key, instants.requestedAt, at);
      if (silenced) this.#mute(recorded, at, data, per);
      if (decision.extended !== null) this.#extend(text, decision.extended.id, instants);
      this.#rows.verdict(recorded, at, ruleset, window, 'suppressed', reason, basis);
      return;
    }
    // The policy may be another one than when the request was muted.
    const counted = released && suppressedText(suppressedKey(released.per, subject), text);
    const own = counted === keyText ? released : undefined;
    const suppressedSince = this.#suppressed.since(keyText, own);
    const opened = { windowStart, per, suppressedSince };
    const draft = draftNotification(recorded, data, metadata, opened, this.#names);
    if (this.#parkTooLarge(draft, at, window)) return;
    this.#counts.published += 1;
    this.#rows.count(recordedAt, 'published');
    if (suppressedSince !== null || own !== undefined) this.#suppressed.reset(keyText);
    if (released !== undefined && counted !== undefined && own === undefined)
      this.#suppressed.discount(counted, released);
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
    this.#sent.add(text, sent);
    const sequence = this.#send(draft, at);
    this.#rows.verdict(recorded, at, ruleset, window, 'published', reason, basis, id, sequence);
  }

  #mute(
    { id: event, stream, revision }: RecordedEvent,
    position: Position,
    request: Request,
    per: KeyedPer,
  ): void {
    const { userId: user, triggerType, targetType, targetId, expiresAt } = request;
    const about = { user, triggerType, targetType, targetId, per, expiresAt };
    this.#muted.mute({ event, position, stream, revision, ...about });
  }

  #decisionOf(
    policy: Policy,
    request: PolicyRequest,
    subject: string,
    silenced: boolean,
  ): PolicyDecision {
    // Without windows no notification matters, and a user may have had very many.
    const sent = policy.kind === 'none' ? [] : this.#sent.of(subject);
    return this.#ruleset.decide(policy, request, sent, silenced);
  }

  /** A notification that never reached the person may stop holding its window. */
  #undelivered(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const sent = this.#sent.find(text, ref.id);
    if (sent === undefined) return;
    const policy = policyFor(this.#policies, ref.triggerType);
    if (!this.#ruleset.mayRelease(policy, sent, this.#sent.of(text))) return;
    this.#sent.amend(text, { ...sent, released: true, releases: sent.releases + 1 });
  }

  /** A notification that is sent again holds its window again. */
  #redriven(ref: SentNotificationRef): void {
    const text = subjectText(ref);
    const sent = this.#sent.find(text, ref.id);
    if (sent?.released === true) this.#sent.amend(text, { ...sent, released: false });
  }

  #extend(text: string, id: string, instants: Instants): void {
    const sent = this.#sent.find(text, id);
    if (sent === undefined) return;
    const policy = policyFor(this.#policies, sent.triggerType);
    this.#sent.amend(text, { ...sent, heldAt: instantOf(policy, instants) });
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

  /** An operator's release counts once, and only for a muted request that has not expired. */
  #letThrough({ recorded, data, metadata }: Classified<'request_released'>): void {
    const request = this.#prior.retried.get(data.event);
    if (request?.kind !== 'request') return;
    if (metadata.recordedAt >= request.data.expiresAt) return;
    const muted = this.#muted.release(data.event);
    if (muted !== undefined) this.#request(request, recorded.position, metadata.recordedAt, muted);
  }
}
