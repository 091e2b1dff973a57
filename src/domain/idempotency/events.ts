// The claim of an idempotency key: one event in a stream of its own, appended with `no_stream`. So of two callers
// with one key exactly one raises a trigger.
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { textUpTo } from '../core/envelope.ts';
import { userStream } from '../core/ids.ts';
import { isJson } from '../core/json.ts';
import { joinKey, taggedKeyPart } from '../core/keys.ts';
import { SaltSchema } from '../core/personal.ts';
import { isCount, isFields, isText } from '../core/quick.ts';
import { quickRequestFields, requestFields } from '../core/trigger-fields.ts';
import type { RaiseRequest } from '../trigger/commands.ts';

export const IDEMPOTENCY_EVENTS = {
  IdempotencyClaimed: z.object({
    /** Of the client's input, under the salt of the personal part. */
    requestHash: z.string().regex(/^[0-9a-f]{64}$/),
    triggerStream: textUpTo(512),
    /** The occurrence that this key stands for, in whatever state. */
    occurrence: z.int().min(1),
    /** The whole request, so that a repeat can append the occurrence after a crash. */
    ...requestFields,
    /** Without a salt the user was forgotten: the request can no longer be compared. */
    personal: requestFields.personal.extend({ salt: SaltSchema.optional() }),
    idempotencyKey: textUpTo(191),
  }),
};

export type IdempotencyEvent = EventOf<typeof IDEMPOTENCY_EVENTS>;

export type Claim = IdempotencyEvent['data'];

const HASH = /^[0-9a-f]{64}$/;
const SALT = /^[A-Za-z0-9_-]{22}$/;

/** Reads `IdempotencyClaimed` without its schema (see ../core/quick.ts). */
export function quickClaimed(data: Readonly<Record<string, unknown>>): Claim | undefined {
  const fields = quickRequestFields(data);
  const { requestHash, triggerStream, occurrence, idempotencyKey, personal } = data;
  if (fields === undefined || !isCount(occurrence) || !isText(triggerStream, 512)) return undefined;
  if (typeof requestHash !== 'string' || !HASH.test(requestHash)) return undefined;
  if (!isText(idempotencyKey, 191) || !isFields(personal)) return undefined;
  const { payload, salt } = personal;
  if (payload !== undefined && !isJson(payload)) return undefined;
  if (salt !== undefined && (typeof salt !== 'string' || !SALT.test(salt))) return undefined;
  return {
    ...fields,
    requestHash,
    triggerStream,
    occurrence,
    idempotencyKey,
    personal: {
      ...(payload === undefined ? {} : { payload }),
      ...(salt === undefined ? {} : { salt }),
    },
  };
}

export const idempotencyCodec = createCodec(IDEMPOTENCY_EVENTS, {
  quick: { IdempotencyClaimed: quickClaimed },
});

export function idempotencyStream(
  kernel: string,
  request: Pick<RaiseRequest, 'userId' | 'triggerType'>,
  key: string,
): string {
  const { userId, triggerType } = request;
  const scope = `${joinKey(userId, triggerType)}:${taggedKeyPart('k', key)}`;
  return userStream(kernel, 'idempotency', userId, scope);
}

export function claimedRequest(claim: Claim): RaiseRequest {
  const { requestHash: _hash, triggerStream: _stream, occurrence: _n, personal, ...facts } = claim;
  return { ...facts, payload: personal.payload };
}
