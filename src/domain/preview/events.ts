// The events of a preview. They are part of the stream of the trigger that offers it.
import { z } from 'zod';
import type { EventData, EventOf } from '../core/codec.ts';
import { InstantCodec, JsonSchema, textUpTo } from '../core/envelope.ts';
import { isStoredId, StoredIdSchema } from '../core/identity.ts';
import { isCount, isFields, isOneOf, isText, quickInstant } from '../core/quick.ts';
import { SaltSchema } from '../core/personal.ts';
import { DetailSchema, occurrenceFields } from '../core/trigger-fields.ts';
import { CodeSchema } from '../core/vocabulary.ts';
import { CandidateSchema, ChangeSchema, MAX_CANDIDATES, MAX_CHANGES } from './candidates.ts';

export const PREVIEW_KINDS = ['proposal', 'question', 'reminder'] as const;
export const PREVIEW_ENDINGS = ['applied', 'dismissed', 'expired', 'cancelled'] as const;

export const MAX_APPLIED_EVENTS = 1024;

const previewFields = {
  ...occurrenceFields,
  previewId: textUpTo(128),
  userId: StoredIdSchema,
};

const applyFields = {
  ...previewFields,
  applyId: textUpTo(64),
  candidateId: textUpTo(256),
  traceId: textUpTo(64),
  /** Copied from the offer, so that an index over these events needs no other. */
  expiresAt: InstantCodec,
};

export const PREVIEW_EVENTS = {
  PreviewOffered: z.object({
    ...previewFields,
    kind: z.enum(PREVIEW_KINDS),
    offeredAt: InstantCodec,
    /** The preview has ended when now >= expiresAt. */
    expiresAt: InstantCodec,
    /** The default candidate of a client that shows one choice. */
    candidateId: textUpTo(256).optional(),
    /** The evaluator's hash of the facts that the candidates rest on. */
    baseVersion: textUpTo(128).optional(),
    /** How many links were removed from the evaluation's summary; absent for none. */
    linksRemoved: z.int().min(1).optional(),
    personal: z.object({
      summary: z.string(),
      candidates: z.array(CandidateSchema).max(MAX_CANDIDATES).optional(),
      snapshot: JsonSchema.optional(),
    }),
  }),
  /** The preview was confirmed. This event is the fence: its writer alone calls the host. */
  ApplyStarted: z.object({
    ...applyFields,
    /** Above 1, an apply that another process left open goes on. */
    attempt: z.int().min(1),
    idempotencyKey: textUpTo(191),
    /** Of the confirmation, under the salt of the personal part. */
    requestHash: z.string().regex(/^[0-9a-f]{64}$/),
    /** After this and a margin, another process may continue under the same apply id. */
    leaseUntil: InstantCodec,
    personal: z.object({
      changes: z.array(ChangeSchema).max(MAX_CHANGES),
      /** Absent once the user was forgotten: the confirmation can no longer be compared. */
      salt: SaltSchema.optional(),
    }),
  }),
  ApplySucceeded: z.object({
    ...applyFields,
    appliedEventIds: z.array(textUpTo(128)).min(1).max(MAX_APPLIED_EVENTS),
  }),
  ApplyFailed: z.object({ ...applyFields, code: CodeSchema, personal: DetailSchema }),
  /** The preview can no longer be confirmed, and no notification of it is sent any more. */
  PreviewEnded: z.object({
    ...previewFields,
    ending: z.enum(PREVIEW_ENDINGS),
    applyId: textUpTo(64).optional(),
    personal: DetailSchema.optional(),
  }),
};

/** Reads `PreviewOffered` without its schema (see ../core/quick.ts). */
export function quickOffered(
  data: Readonly<Record<string, unknown>>,
): z.output<(typeof PREVIEW_EVENTS)['PreviewOffered']> | undefined {
  const { triggerId, occurrence, previewId, userId, kind, linksRemoved, personal } = data;
  const offeredAt = quickInstant(data['offeredAt']);
  const expiresAt = quickInstant(data['expiresAt']);
  if (offeredAt === undefined || expiresAt === undefined || !isFields(personal)) return undefined;
  if (!isText(triggerId, 128) || !isCount(occurrence) || !isText(previewId, 128)) return undefined;
  if (!isStoredId(userId) || !isOneOf(kind, PREVIEW_KINDS)) return undefined;
  // The schema reads offers with candidates.
  const { candidateId, baseVersion } = data;
  const { summary, candidates, snapshot } = personal;
  const rare = [candidateId, baseVersion, linksRemoved, candidates, snapshot];
  if (rare.some((field) => field !== undefined) || typeof summary !== 'string') return undefined;
  return {
    ...{ triggerId, occurrence, previewId, userId, kind, offeredAt, expiresAt },
    personal: { summary },
  };
}

export type PreviewEvent = EventOf<typeof PREVIEW_EVENTS>;

export type PreviewEventData<T extends PreviewEvent['type']> = EventData<PreviewEvent, T>;

/** The host's answer to an apply. */
export type ApplyOutcomeEvent = Extract<PreviewEvent, { type: 'ApplySucceeded' | 'ApplyFailed' }>;
