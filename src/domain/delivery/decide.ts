// The delivery record's decisions. Pure: time is an argument, chance is made of the notice's id.
import { match, P } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { SendOutcome } from '../ports/sender.ts';
import { codeOf, detailOf, shortText } from './outcome-codes.ts';
import type { DeliveryEvent, DeliveryEventData } from './events.ts';
import { maxAttempts, nextAttemptAt, throttledUntil, type RetryProfile } from './retry-schedule.ts';
import { evolveDelivery, hasEnded, type Delivery, type DeliveryState } from './state.ts';

/** How long after a lease others wait before they write an attempt off: room for clocks that differ. */
export const LEASE_MARGIN_MS = 10_000;

/** A second answer that cannot be read is the last one. */
const MAX_SUSPECTS = 2;

/** What an operator may choose. */
export type DeliveryRules = {
  readonly profile: RetryProfile;
  /**
   * An attempt whose outcome nobody knows: `resend` may tell the person twice, `park` perhaps never
   * (then an operator decides).
   */
  readonly onUnknown: 'resend' | 'park';
};

export type DeliveryCommand =
  | { readonly kind: 'accept'; readonly facts: DeliveryEventData<'NotificationAccepted'> }
  /** Begin exactly this attempt; the fence between workers. */
  | {
      readonly kind: 'start';
      readonly attempt: number;
      readonly leaseMs: number;
      readonly channelVersion: number;
    }
  | { readonly kind: 'settle'; readonly attempt: number; readonly outcome: SendOutcome }
  /** Whoever made this attempt has not been heard of since its lease ran out. */
  | { readonly kind: 'lapse'; readonly attempt: number }
  | { readonly kind: 'defer'; readonly until: Instant; readonly reason: string }
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'expire' }
  | { readonly kind: 'cancel'; readonly reason: string }
  /** It cannot be sent at all: what it is made of cannot be read. */
  | { readonly kind: 'die'; readonly reason: string; readonly detail: string }
  /** Send it again; `of: 'skipped'` does nothing to what ended otherwise. */
  | { readonly kind: 'redrive'; readonly reason: string; readonly of: 'ended' | 'skipped' };

/** Why a command was refused; stable codes. */
export type DeliveryRejection = {
  readonly code: 'unknown_delivery' | 'under_way' | 'already_delivered' | 'over';
  readonly message: string;
};

type Decision = Result<readonly DeliveryEvent[], DeliveryRejection>;
type Context = { readonly recordedAt: Instant; readonly rules: DeliveryRules };

/**
 * Decides a command. What comes too late, twice, or from a worker that lost its attempt to another is
 * no error: it leads to nothing.
 */
export function decideDelivery(
  state: DeliveryState,
  command: DeliveryCommand,
  context: Context,
): Decision {
  const { recordedAt: now } = context;
  if (command.kind === 'accept') return ok(state === undefined ? accept(command.facts, now) : []);
  if (state === undefined) {
    return err({ code: 'unknown_delivery', message: 'nothing was accepted under this id' });
  }
  if (command.kind === 'redrive') return redrive(state, command, now);
  return ok(
    match(command)
      .with({ kind: 'settle' }, ({ attempt, outcome }) => settle(state, attempt, outcome, context))
      .with({ kind: 'lapse' }, ({ attempt }) => lapse(state, attempt, context))
      .with({ kind: P.union('start', 'defer', 'skip', 'expire', 'cancel', 'die') }, (step) =>
        isDue(state, now) ? proceed(state, step, context) : [],
      )
      .exhaustive(),
  );
}

function accept(facts: DeliveryEventData<'NotificationAccepted'>, now: Instant): DeliveryEvent[] {
  const accepted: DeliveryEvent = { type: 'NotificationAccepted', data: facts };
  if (now < facts.expiresAt) return [accepted];
  return [accepted, { type: 'DeliveryExpired', data: { ...aboutOf(facts), doubtful: false } }];
}

/** Nothing is done before its time, and nothing while an attempt may be under way. */
function isDue({ phase }: Delivery, now: Instant): boolean {
  return phase.status === 'waiting' && phase.dueAt <= now;
}

type Step = Extract<
  DeliveryCommand,
  { readonly kind: 'start' | 'defer' | 'skip' | 'expire' | 'cancel' | 'die' }
>;

function proceed(state: Delivery, step: Step, { recordedAt, rules }: Context): DeliveryEvent[] {
  const about = aboutOf(state.facts);
  const { expiresAt } = state.facts;
  const expired: DeliveryEvent = {
    type: 'DeliveryExpired',
    data: { ...about, doubtful: isDoubtful(state) },
  };
  if (recordedAt >= expiresAt) return [expired];
  return match(step)
    .with({ kind: 'start' }, ({ attempt, leaseMs, channelVersion }): DeliveryEvent[] => {
      if (attempt !== state.attempts + 1) return [];
      // A shorter profile may have come into force since.
      if (state.used >= maxAttempts(rules.profile)) return [died(state, 'attempts_exhausted')];
      const leaseUntil = recordedAt + leaseMs;
      return [{ type: 'AttemptStarted', data: { ...about, attempt, leaseUntil, channelVersion } }];
    })
    .with({ kind: 'defer' }, ({ until, reason }): DeliveryEvent[] => [
      {
        type: 'DeliveryDeferred',
        data: { ...about, until: Math.min(until, expiresAt), reason: codeOf(reason) },
      },
    ])
    .with({ kind: 'skip' }, ({ reason }): DeliveryEvent[] => [
      { type: 'DeliverySkipped', data: { ...about, reason: codeOf(reason) } },
    ])
    .with({ kind: 'cancel' }, ({ reason }): DeliveryEvent[] => [
      { type: 'DeliveryCancelled', data: { ...about, reason: codeOf(reason) } },
    ])
    .with({ kind: 'die' }, ({ reason, detail }) => [died(state, codeOf(reason), detail)])
    .with({ kind: 'expire' }, () => [expired])
    .exhaustive();
}

/** What became of an attempt, also when it comes late: it is always recorded. */
function settle(
  state: Delivery,
  attempt: number,
  outcome: SendOutcome,
  context: Context,
): DeliveryEvent[] {
  const isOpen = state.open?.attempt === attempt;
  // The outcome of an attempt that is certain already, or that never was.
  if (!isOpen && !state.doubtful.includes(attempt)) return [];
  const isCurrent = isOpen && state.phase.status === 'attempting';
  const late = !isOpen || context.recordedAt > state.open.leaseUntil || undefined;
  const about = { ...aboutOf(state.facts), attempt, late };
  return match(outcome)
    .with({ outcome: 'accepted' }, ({ code, providerMessageId }): DeliveryEvent[] => [
      {
        type: 'AttemptSucceeded',
        data: {
          ...about,
          code: shortText(code, 64),
          providerMessageId: shortText(providerMessageId, 128),
        },
      },
    ])
    .with({ outcome: 'unknown' }, ({ code, detail }) =>
      isCurrent ? outcomeUnknown(state, attempt, code, detail, context) : [],
    )
    .with({ outcome: 'throttled' }, ({ code, detail, retryAfterMs }): DeliveryEvent[] =>
      isCurrent
        ? [throttled(state, attempt, { code, detail, retryAfterMs }, context.recordedAt)]
        : [failed(about, { code, detail })],
    )
    .with({ outcome: 'transient' }, ({ code, detail, retryAfterMs }): DeliveryEvent[] =>
      isCurrent
        ? retryOrDie(state, failed(about, { code, detail }), context, retryAfterMs)
        : [failed(about, { code, detail })],
    )
    .with({ outcome: 'suspect' }, ({ code, detail }): DeliveryEvent[] => {
      const event = failed({ ...about, suspect: true }, { code, detail });
      if (!isCurrent) return [event];
      const isLast = state.suspects + 1 >= MAX_SUSPECTS || context.rules.onUnknown === 'park';
      return isLast
        ? [event, died(after(state, event), 'unparsable', detail)]
        : retryOrDie(state, event, context);
    })
    .with({ outcome: 'permanent' }, ({ code, detail }): DeliveryEvent[] => {
      const event = failed(about, { code, detail });
      // An old attempt's answer ends what waits, but says nothing about a newer call under way.
      const ends = isCurrent || state.phase.status === 'waiting';
      return ends ? [event, died(after(state, event), codeOf(code), detail)] : [event];
    })
    .exhaustive();
}

function lapse(state: Delivery, attempt: number, context: Context): DeliveryEvent[] {
  const { open } = state;
  if (open?.attempt !== attempt || state.phase.status !== 'attempting') return [];
  if (context.recordedAt < open.leaseUntil + LEASE_MARGIN_MS) return [];
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

/** Gives an outcome the time of the next attempt, or ends the delivery where there is none. */
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

function throttled(
  state: Delivery,
  attempt: number,
  said: {
    readonly code: string;
    readonly detail: string;
    readonly retryAfterMs: number | undefined;
  },
  now: Instant,
): DeliveryEvent {
  const { notificationId, expiresAt } = state.facts;
  const { code, detail, retryAfterMs } = said;
  const until = throttledUntil({ notificationId, attempt, now, expiresAt, retryAfterMs });
  const words = { reason: codeOf(code), detail: detailOf(detail) };
  return {
    type: 'DeliveryDeferred',
    data: { ...aboutOf(state.facts), ...words, until, attempt },
  };
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
    return err({ code: 'under_way', message: 'its delivery is still under way' });
  }
  if (status === 'delivered') {
    return err({ code: 'already_delivered', message: 'it was delivered' });
  }
  if (status === 'expired' || status === 'cancelled' || now >= expiresAt) {
    return err({ code: 'over', message: 'what it was about is over' });
  }
  return ok([{ type: 'DeliveryRedriven', data: { ...aboutOf(state.facts), reason } }]);
}

type Failed = DeliveryEventData<'AttemptFailed'>;

function failed(
  about: Omit<Failed, 'code' | 'detail' | 'nextAt'>,
  { code, detail }: { readonly code: string; readonly detail: string },
): Extract<DeliveryEvent, { type: 'AttemptFailed' }> {
  return {
    type: 'AttemptFailed',
    data: { ...about, code: codeOf(code), detail: detailOf(detail) },
  };
}

function died(state: Delivery, reason: string, detail = ''): DeliveryEvent {
  const words = { reason, detail: detailOf(detail) };
  const data = { ...aboutOf(state.facts), ...words, doubtful: isDoubtful(state) };
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
