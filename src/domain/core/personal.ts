// Personal fields are under one key of an event's data, so that they can be encrypted (sealed) per user.
// Without the user's key the event is read without them. No verdict depends on them.
import { z } from 'zod';
import type { JsonObject } from './json.ts';

/** A sealed personal part: the user, the id of the user's key, and the ciphertext. */
const SealedSchema = z.strictObject({
  sealed: z.strictObject({ user: z.string(), key: z.uuid(), box: z.base64() }),
});

export type Sealed = z.output<typeof SealedSchema>['sealed'];

/** The personal part in place of a sealed one; every event type accepts it. */
export const BLANK_PERSONAL: JsonObject = { summary: '', fallbackText: '', changes: [] };

/** The seal of an event's personal part; `undefined` when it is readable or absent. */
export function sealOf(data: JsonObject): Sealed | undefined {
  const { personal } = data;
  // This check comes first because it is cheap and few events are sealed.
  if (typeof personal !== 'object' || personal === null || !('sealed' in personal))
    return undefined;
  const parsed = SealedSchema.safeParse(personal);
  return parsed.success ? parsed.data.sealed : undefined;
}

/** The data as a reader without the user's key gets it. */
export function withoutSeal(data: JsonObject): JsonObject {
  return sealOf(data) === undefined ? data : { ...data, personal: BLANK_PERSONAL };
}
