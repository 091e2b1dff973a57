// Decides commands on a delivery. Pure: time is an argument, and jitter comes from the notification id.
import { match, P } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { SendOutcome } from '../ports/sender.ts';
import { cleanText } from '../core/text.ts';
import { codeOf, detailOf, type DeliveryEvent, type DeliveryEventData } from './events.ts';
import {
  FREE_THROTTLES,
  maxAttempts,
  nextAttemptAt,
  throttledUntil,
  throttleMs,
  type RetryProfile,
} from './retry-schedule.ts';
import { evolveDelivery, hasEnded, type Delivery, type DeliveryState } from './state.ts';

/** The second answer that cannot be read ends the delivery. */
const MAX_SUSPECTS = 2;

/** The least wait, in milliseconds, before the attempt that confirms an answer. */
const CONFIRM_AFTER_MS = 60_000;

export type DeliveryRules = {
  readonly profile: RetryProfile;
  /**
   * What follows an attempt with an unknown outcome: `resend` may send twice; `park` may never send, and
   * an operator decides.
   */
  readonly onUnknown: 'resend' | 'park';
};

export type DeliveryCommand =
  | { readonly kind: 'accept'; readonly facts: DeliveryEventData<'NotificationAccepted'> }
  /** Starts exactly this attempt; the event is the fence between workers. */
  | {
      readonly kind: 'start';
      readonly attempt: number;
      readonly leaseMs: number;
      readonly channelVersion: number;
    }
  | { readonly kind: 'record_outcome'; readonly attempt: number; readonly outcome: SendOutcome }
  /** The lease has expired, and no outcome of the attempt is recorded. */
  | { readonly kind: 'expire_lease'; readonly attempt: number }
  | { readonly kind: 'defer'; readonly until: Instant; readonly reason: string }
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'expire' }
  | { readonly kind: 'cancel'; readonly reason: string }
  /**
   * Its trigger was cancelled: ends it also before it is due, and releases its window unless it is doubtful. With `facts`
   * also before a worker has accepted it: none ever sends it then.
   */
  | {
      readonly kind: 'withdraw';
      readonly facts?: DeliveryEventData<'NotificationAccepted'> | undefined;
    }
  /** The message cannot be composed, because its request cannot be read. */
  | { readonly kind: 'give_up'; readonly reason: string; readonly detail: string }
  /** Sends again. `of: 'skipped'` changes nothing for a delivery that ended in another way. */
  | { readonly kind: 'redrive'; readonly reason: string; readonly of: 'ended' | 'skipped' };

/** Why a command was refused; stable codes. */
export type DeliveryRejection = {
  readonly code: 'unknown_delivery' | 'under_way' | 'already_delivered' | 'over';
  readonly message: string;
};

type Decision = Result<readonly DeliveryEvent[], DeliveryRejection>;
type Context = { readonly recordedAt: Instant; readonly rules: DeliveryRules };

/** Decides a command. A late or repeated command, or one of a worker that lost its attempt, makes no event. */
export function decideDelivery(
  state: DeliveryState,
  command: DeliveryCommand,
  context: Context,
): Decision {
  const { recordedAt: now } = context;
  if (command.kind === 'accept') return ok(state === undefined ? accept(command.facts, now) : []);
  if (command.kind === 'withdraw' && state === undefined && command.facts !== undefined) {
    const events = accept(command.facts, now);
    const accepted = events.reduce<DeliveryState>(evolveDelivery, undefined);
    return ok(accepted === undefined ? events : [...events, ...withdraw(accepted)]);
  }
  if (state === undefined) {
    return err({ code: 'unknown_delivery', message: 'no delivery was accepted under this id' });
  }
  if (command.kind === 'redrive') return redrive(state, command, now);
  return ok(
    match(command)
      .with({ kind: 'record_outcome' }, ({ attempt, outcome }) =>
        recordOutcome(state, attempt, outcome, context),
      )
      .with({ kind: 'expire_lease' }, ({ attempt }) => expireLease(state, attempt, context))
      .with({ kind: 'withdraw' }, () => withdraw(state))
      .with({ kind: P.union('start', 'defer', 'skip', 'expire', 'cancel', 'give_up') }, (due) =>
        isDue(state, now) ? decideDue(state, due, context) : [],
      )
      .exhaustive(),
  );
}

function accept(facts: DeliveryEventData<'NotificationAccepted'>, now: Instant): DeliveryEvent[] {
  const accepted: DeliveryEvent = { type: 'NotificationAccepted', data: facts };
  if (now < facts.expiresAt) return [accepted];
  return [accepted, { type: 'DeliveryExpired', data: { ...aboutOf(facts), doubtful: false } }];
}

function isDue({ phase }: Delivery, now: Instant): boolean {
  return phase.status === 'waiting' && phase.dueAt <= now;
}

type DueCommand = Extract<
  DeliveryCommand,
  { readonly kind: 'start' | 'defer' | 'skip' | 'expire' | 'cancel' | 'give_up' }
>;

function decideDue(
  state: Delivery,
  command: DueCommand,
  { recordedAt, rules }: Context,
): DeliveryEvent[] {
  const about = aboutOf(state.facts);
  const { expiresAt } = state.facts;
  const expired: DeliveryEvent = {
    type: 'DeliveryExpired',
    data: { ...about, doubtful: isDoubtful(state) },
  };
  if (recordedAt >= expiresAt) return [expired];
  switch (command.kind) {
    case 'start': {
      const { attempt, leaseMs, channelVersion } = command;
      if (attempt !== state.attempts + 1) return [];
      // The profile may have become shorter since the last attempt.
      if (state.used >= maxAttempts(rules.profile)) return [died(state, 'attempts_exhausted')];
      const leaseUntil = recordedAt + leaseMs;
      return [{ type: 'AttemptStarted', data: { ...about, attempt, leaseUntil, channelVersion } }];
    }
    case 'defer': {
      const until = Math.min(command.until, expiresAt);
      const data = { ...about, until, reason: codeOf(command.reason) };
      return [{ type: 'DeliveryDeferred', data }];
    }
    case 'skip':
      return [{ type: 'DeliverySkipped', data: { ...about, reason: codeOf(command.reason) } }];
    case 'cancel':
      return [{ type: 'DeliveryCancelled', data: { ...about, reason: codeOf(command.reason) } }];
    case 'give_up':
      return [died(state, codeOf(command.reason), command.detail)];
    case 'expire':
      return [expired];
  }
}

/** A late outcome is recorded too: it can end the delivery or take away its doubt. */
function recordOutcome(
  state: Delivery,
  attempt: number,
  outcome: SendOutcome,
  context: Context,
): DeliveryEvent[] {
  const isOpen = state.open?.attempt === attempt;
  // The outcome of this attempt is certain already, or the attempt never started.
  if (!isOpen && !state.doubtful.includes(attempt)) return [];
  const isCurrent = isOpen && state.phase.status === 'attempting';
  const late = !isOpen || context.recordedAt > state.open.leaseUntil || undefined;
  const about = { ...aboutOf(state.facts), attempt, late };
  if (outcome.outcome === 'accepted') {
    const code = cleanText(outcome.code?.trim(), 64);
    const providerMessageId = cleanText(outcome.providerMessageId?.trim(), 128);
    return [{ type: 'AttemptSucceeded', data: { ...about, code, providerMessageId } }];
  }
  const { code, detail } = outcome;
  if (outcome.outcome === 'unknown') {
    return isCurrent ? outcomeUnknown(state, attempt, code, detail, context) : [];
  }
  const why = { code: codeOf(code), detail: detailOf(detail) };
  const suspect = outcome.outcome === 'suspect' || undefined;
  const failed = { type: 'AttemptFailed', data: { ...about, ...why, suspect } } as const;
  if (outcome.outcome === 'permanent') {
    if (outcome.confirm === true && isCurrent && state.failedWith !== why.code) {
      return retryOrDie(state, failed, context, CONFIRM_AFTER_MS);
    }
    // The answer to an old attempt ends a waiting delivery, but not a newer call under way.
    const ends = isCurrent || state.phase.status === 'waiting';
    return ends ? [failed, died(after(state, failed), why.code, detail)] : [failed];
  }
  if (!isCurrent) return [failed];
  switch (outcome.outcome) {
    case 'throttled':
      return state.throttles < FREE_THROTTLES
        ? [throttled(state, attempt, outcome, context)]
        : retryOrDie(state, failed, context, throttleMs(outcome.retryAfterMs));
    case 'transient':
      return retryOrDie(state, failed, context, outcome.retryAfterMs);
    case 'suspect': {
      const isLast = state.suspects + 1 >= MAX_SUSPECTS || context.rules.onUnknown === 'park';
      if (!isLast) return retryOrDie(state, failed, context);
      return [failed, died(after(state, failed), 'unparsable', detail)];
    }
  }
}

function expireLease(state: Delivery, attempt: number, context: Context): DeliveryEvent[] {
  const { phase } = state;
  if (phase.status !== 'attempting' || phase.attempt !== attempt) return [];
  if (context.recordedAt < phase.dueAt) return [];
  return outcomeUnknown(state, attempt, 'lease_expired', '', context);
}

function outcomeUnknown(
  state: Delivery,
  attempt: number,
  code: string,
  detail: string,
  context: Context,
): DeliveryEvent[] {
  const about = { ...aboutOf(state.facts), attempt };
  const data = { ...about, code: codeOf(code), detail: detailOf(detail) };
  const event = { type: 'AttemptOutcomeUnknown', data } as const;
  if (context.rules.onUnknown === 'resend') return retryOrDie(state, event, context);
  return [event, died(after(state, event), 'outcome_unknown_parked', detail)];
}

/** Adds the time of the next attempt to the outcome, or ends the delivery after the last attempt. */
function retryOrDie(
  state: Delivery,
  event: Extract<DeliveryEvent, { type: 'AttemptFailed' | 'AttemptOutcomeUnknown' }>,
  { recordedAt: now, rules }: Context,
  retryAfterMs?: number,
): DeliveryEvent[] {
  const { notificationId, expiresAt } = state.facts;
  const { attempt, code, detail } = event.data;
  const { used } = state;
  const { profile } = rules;
  const about = { profile, notificationId, used, attempt, now, expiresAt, retryAfterMs };
  const nextAt = nextAttemptAt(about);
  if (nextAt === undefined) {
    const last = detail === undefined ? code : `${code}: ${detail}`;
    return [event, died(after(state, event), 'attempts_exhausted', last)];
  }
  return event.type === 'AttemptFailed'
    ? [{ type: event.type, data: { ...event.data, nextAt } }]
    : [{ type: event.type, data: { ...event.data, nextAt } }];
}

type Throttled = Extract<SendOutcome, { outcome: 'throttled' | 'transient' }>;

function throttled(
  { facts }: Delivery,
  attempt: number,
  { code, detail, retryAfterMs }: Throttled,
  { recordedAt: now, rules: { profile } }: Context,
): DeliveryEvent {
  const { notificationId, expiresAt } = facts;
  const answered = { notificationId, attempt, now, expiresAt, retryAfterMs };
  const until = throttledUntil({ profile, ...answered });
  const why = { reason: codeOf(code), detail: detailOf(detail) };
  return { type: 'DeliveryDeferred', data: { ...aboutOf(facts), ...why, until, attempt } };
}

function redrive(
  state: Delivery,
  { reason, of }: Extract<DeliveryCommand, { kind: 'redrive' }>,
  now: Instant,
): Decision {
  const { status } = state.phase;
  const { expiresAt } = state.facts;
  if (of === 'skipped' && (status !== 'skipped' || now >= expiresAt)) return ok([]);
  if (!hasEnded(state)) {
    return err({ code: 'under_way', message: 'the delivery has not ended yet' });
  }
  if (status === 'delivered') {
    return err({ code: 'already_delivered', message: 'the notification was delivered' });
  }
  if (status === 'expired' || status === 'cancelled' || now >= expiresAt) {
    return err({ code: 'over', message: 'the notification has expired or was cancelled' });
  }
  return ok([{ type: 'DeliveryRedriven', data: { ...aboutOf(state.facts), reason } }]);
}

/** An attempt under way has its outcome first; a skipped delivery could still be redriven. */
function withdraw(state: Delivery): DeliveryEvent[] {
  const { status } = state.phase;
  if (status !== 'waiting' && status !== 'skipped') return [];
  const why = { reason: 'trigger_cancelled', doubtful: isDoubtful(state) };
  return [{ type: 'DeliveryCancelled', data: { ...aboutOf(state.facts), ...why } }];
}

function died(state: Delivery, reason: string, detail = ''): DeliveryEvent {
  const why = { reason, detail: detailOf(detail) };
  const data = { ...aboutOf(state.facts), ...why, doubtful: isDoubtful(state) };
  return { type: 'DeliveryDied', data };
}

function after(state: Delivery, event: DeliveryEvent): Delivery {
  return evolveDelivery(state, event) ?? state;
}

function isDoubtful({ doubtful }: Delivery): boolean {
  return doubtful.length > 0;
}

function aboutOf({
  notificationId,
  userId,
  triggerType,
  mock,
}: DeliveryEventData<'NotificationAccepted'>) {
  return { notificationId, userId, triggerType, mock };
}
