// Builders for tests of one delivery: its facts with an hour until the expiry, and its events.
import {
  decideDelivery,
  type DeliveryCommand,
  type DeliveryRejection,
  type DeliveryRules,
} from '../../src/domain/delivery/decide.ts';
import type { DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import { evolveDelivery, type DeliveryState } from '../../src/domain/delivery/state.ts';
import { givenOf } from '../../src/testing.ts';

/** When the notification was requested; the times of the builders count from here. */
export const T0 = Date.UTC(2026, 0, 1, 10);
export const HOUR = 3_600_000;
export const LEASE_MS = 20_000;

export const about = {
  notificationId: '6072f595-6a17-5132-a9b1-daa475c1b68e',
  userId: '42',
  triggerType: 'important_urgent_task',
  mock: false,
};

export const facts = {
  ...about,
  channel: 'feishu' as const,
  triggerId: 'ast_1',
  previewId: 'asp_1',
  source: {
    event: '6072f595-6a17-5132-a9b1-daa475c1b68f',
    stream: 'tocsin.trigger-aa-6072f595-6a17-5132-a9b1-daa475c1b68f',
    revision: '2',
  },
  requestedAt: T0,
  expiresAt: T0 + HOUR,
};

export const accepted: DeliveryEvent = { type: 'NotificationAccepted', data: facts };

export const started = (attempt: number, at: number): DeliveryEvent => ({
  type: 'AttemptStarted',
  data: { ...about, attempt, leaseUntil: T0 + at + LEASE_MS, channelVersion: 1 },
});

export const failed = (attempt: number, nextAt: number | undefined, code = 'provider_5xx') =>
  ({
    type: 'AttemptFailed',
    data: {
      ...about,
      attempt,
      code,
      detail: 'it said so',
      ...(nextAt === undefined ? {} : { nextAt: T0 + nextAt }),
    },
  }) satisfies DeliveryEvent;

export const succeeded = (attempt: number, late?: true): DeliveryEvent => ({
  type: 'AttemptSucceeded',
  data: { ...about, attempt, code: '0', providerMessageId: 'om_1', late },
});

export const unknown = (attempt: number, nextAt: number | undefined): DeliveryEvent => ({
  type: 'AttemptOutcomeUnknown',
  data: {
    ...about,
    attempt,
    code: 'lease_expired',
    ...(nextAt === undefined ? {} : { nextAt: T0 + nextAt }),
  },
});

export const HUMAN: DeliveryRules = { profile: RETRY_PROFILES.human, onUnknown: 'resend' };

/** A command at a time, in milliseconds from {@link T0}. */
export type Timed = { readonly at: number; readonly rules?: DeliveryRules } & DeliveryCommand;

export const given = givenOf<DeliveryState, DeliveryEvent, Timed, DeliveryRejection>({
  initial: undefined,
  evolve: evolveDelivery,
  decide: (state, { at, rules = HUMAN, ...command }) =>
    decideDelivery(state, command, { recordedAt: T0 + at, rules }),
});

export const start = (attempt: number, at: number): Timed => ({
  at,
  kind: 'start',
  attempt,
  leaseMs: LEASE_MS,
  channelVersion: 1,
});

export const ACCEPTED = {
  outcome: 'accepted',
  code: '0',
  providerMessageId: 'om_1',
} as const;

export const TRANSIENT = {
  outcome: 'transient',
  code: 'provider_5xx',
  detail: 'it said so',
} as const;
