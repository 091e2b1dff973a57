// What is personal lies under one key of an event's data, so that it can be sealed per user: the log keeps
// a box, and who has shredded the user's key has an event without it. No verdict depends on it.
import { z } from 'zod';
import type { JsonObject } from './json.ts';

/** A personal part that is sealed: for whom, under which of their keys, and the box. */
const SealedSchema = z.strictObject({
  sealed: z.strictObject({ user: z.string(), key: z.uuid(), box: z.base64() }),
});

export type Sealed = z.output<typeof SealedSchema>['sealed'];

/** What every event type takes for a personal part that nobody can read. */
export const BLANK_PERSONAL: JsonObject = { summary: '', fallbackText: '', changes: [] };

/** The seal on an event's personal part; `undefined` where it is readable, or has none. */
export function sealOf(data: JsonObject): Sealed | undefined {
  const { personal } = data;
  // Looked at first, because nearly no event is sealed where nothing is.
  if (typeof personal !== 'object' || personal === null || !('sealed' in personal))
    return undefined;
  const parsed = SealedSchema.safeParse(personal);
  return parsed.success ? parsed.data.sealed : undefined;
}

/** The data as a reader without the key has it. */
export function withoutSeal(data: JsonObject): JsonObject {
  return sealOf(data) === undefined ? data : { ...data, personal: BLANK_PERSONAL };
}
