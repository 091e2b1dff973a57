// Ids of users and targets: a positive integer, or an opaque id of visible ASCII characters (`auth0|5f7c`,
// `urn:invoice:1`). 42 and "42" are one user, "042" is another.
import { z } from 'zod';

/** A user's id in its text form. */
export type UserId = string;

/** A target's id in its text form. */
export type TargetId = string;

const NUMERIC = /^[1-9][0-9]{0,15}$/;
const OPAQUE = /^[!-~]{1,128}$/;

/** True when the id is emitted as a JSON number: a positive integer up to 2^53-1 without leading zeros. */
export function isNumericId(id: string): boolean {
  return NUMERIC.test(id) && Number(id) <= Number.MAX_SAFE_INTEGER;
}

/** The id as contracts carry it: a JSON number exactly when it is numeric. */
export function emitId(id: string): number | string {
  return isNumericId(id) ? Number(id) : id;
}

const RULE =
  'must be a positive integer up to 2^53-1, or 1 to 128 visible ASCII characters without white space';

/** Reads an id from outside into its text form. Each part has the whole rule: zod reports one part only. */
export const IdSchema = z
  .union([z.int(RULE).positive(RULE), z.string().regex(OPAQUE, RULE)], { error: RULE })
  .transform(String);

/** The text form, as stored events hold it. */
export const StoredIdSchema = z.string().regex(OPAQUE);

export function isStoredId(value: unknown): value is string {
  return typeof value === 'string' && OPAQUE.test(value);
}
