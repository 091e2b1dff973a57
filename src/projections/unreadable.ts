// Stored bytes that are no JSON, told apart from JSON.
import type { Json, JsonObject } from '../domain/core/json.ts';
import type { Unreadable } from '../domain/core/recorded-event.ts';

/** True for bytes that cannot be read as JSON. */
export function isUnreadable(value: Json | Unreadable): value is Unreadable {
  if (typeof value !== 'object' || value === null || !('unreadable' in value)) return false;
  return value.unreadable instanceof Uint8Array;
}

/** True for an object among JSON values. */
export function isJsonObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
