// An event before and after it is in the log. Every adapter of the event store port uses these types.
import type { Json, JsonObject } from './json.ts';
import type { Position } from './positions.ts';

/** An event to be written. Its id is a UUID, read back in lower case, and the same over all retries. */
export type EventToAppend = {
  readonly id: string;
  readonly type: string;
  readonly data: JsonObject;
  readonly metadata: JsonObject;
};

/** Stored bytes that cannot be read as JSON. */
export type Unreadable = { readonly unreadable: Uint8Array };

export function isUnreadable(value: Json | Unreadable): value is Unreadable {
  if (typeof value !== 'object' || value === null || !('unreadable' in value)) return false;
  return value.unreadable instanceof Uint8Array;
}

/** An event as the log holds it. Nothing in `data` and `metadata` has been checked yet. */
export type RecordedEvent = {
  readonly id: string;
  readonly stream: string;
  /** Number in its stream, from 0, without gaps. */
  readonly revision: bigint;
  readonly position: Position;
  readonly type: string;
  readonly data: Json | Unreadable;
  readonly metadata: Json | Unreadable;
};

/** The mark at the end of a deleted stream. EventStoreDB writes it with the highest revision, 2^63-1. */
export function isTombstone({ type }: Pick<RecordedEvent, 'type'>): boolean {
  return type === '$streamDeleted';
}
