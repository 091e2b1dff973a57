// The events of a trigger. Its stream is also the outbox: the request for a notification is appended
// together with the decision, so there is no second write that a crash could lose.
import { z } from 'zod';
import { createCodec, type EventData, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { isJson } from '../core/json.ts';
import { isCount, isFields, isOneOf, isText } from '../core/quick.ts';
import {
  DetailSchema,
  occurrenceFields,
  quickRequestFields,
  requestFields,
} from '../core/trigger-fields.ts';
import { CodeSchema, NameSchema, RAISED_CONTRACTS } from '../core/vocabulary.ts';
import { NotificationRequested, quickRequested } from '../notification/events.ts';
import { PREVIEW_EVENTS, quickOffered } from '../preview/events.ts';

/** Two percent-encoded ids of 128 characters, two names and an instant. */
export const MAX_DEDUPE_KEY = 1024;

const ended = z.object({ ...occurrenceFields, reason: textUpTo(256) });

export const TRIGGER_EVENTS = {
  TriggerRaised: z.object({
    ...occurrenceFields,
    ...requestFields,
    dedupeKey: textUpTo(MAX_DEDUPE_KEY),
    /** The contract of the event's message, where it is not `trigger.raised`. */
    contract: z.enum(RAISED_CONTRACTS).optional(),
  }),
  NotificationRequested,
  TriggerClosed: ended,
  TriggerRejected: ended.extend({ code: CodeSchema }),
  TriggerEvaluationFailed: z.object({
    ...occurrenceFields,
    /** Counts the evaluations of this occurrence that failed, from 1. */
    attempt: z.int().min(1),
    code: CodeSchema,
    /** When it is evaluated again; absent after the last time. */
    retryAt: InstantCodec.optional(),
    personal: DetailSchema,
  }),
  TriggerAbandoned: ended.extend({ code: CodeSchema, attempts: z.int().min(1) }),
  /** The reason for the trigger has gone: nothing more of it is delivered. */
  TriggerCancelled: z.object({ ...occurrenceFields, personal: DetailSchema }),
  DuplicateRaised: z.object({
    ...occurrenceFields,
    source: NameSchema,
    requestedAt: InstantCodec,
  }),
  ...PREVIEW_EVENTS,
};

export type TriggerEvent = EventOf<typeof TRIGGER_EVENTS>;

export type TriggerEventData<T extends TriggerEvent['type']> = EventData<TriggerEvent, T>;

/** Reads `TriggerRaised` without its schema (see ../core/quick.ts): every log is full of this event. */
export function quickRaised(data: Readonly<Record<string, unknown>>) {
  const fields = quickRequestFields(data);
  const { triggerId, occurrence, dedupeKey, contract, personal } = data;
  if (fields === undefined || !isText(triggerId, 128) || !isCount(occurrence)) return undefined;
  if (!isText(dedupeKey, MAX_DEDUPE_KEY)) return undefined;
  if (contract !== undefined && !isOneOf(contract, RAISED_CONTRACTS)) return undefined;
  if (!isFields(personal)) return undefined;
  const { payload } = personal;
  if (payload !== undefined && !isJson(payload)) return undefined;
  return {
    triggerId,
    occurrence,
    ...fields,
    dedupeKey,
    personal: payload === undefined ? {} : { payload },
    ...(contract === undefined ? {} : { contract }),
  };
}

export const triggerCodec = createCodec(TRIGGER_EVENTS, {
  quick: {
    TriggerRaised: quickRaised,
    PreviewOffered: quickOffered,
    NotificationRequested: quickRequested,
  },
  mustUnderstand: ['TriggerCancelled'],
});
