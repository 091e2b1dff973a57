// Translates one event for the copy. Only positions change: a position of one log means nothing in another.
import { TocsinError } from '../../domain/core/errors.ts';
import { isControlStream, isCopiedStream } from '../../domain/core/ids.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../domain/core/json.ts';
import type { EventToAppend, RecordedEvent, Unreadable } from '../../domain/core/recorded-event.ts';
import {
  comparePositions,
  formatPosition,
  parsePosition,
  START_POSITION,
  type Position,
} from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';

export type CopyLogs = {
  readonly source: Pick<EventStore, 'readAll'>;
  readonly target: Pick<EventStore, 'readStream'>;
  readonly prefixes: readonly string[];
};

/** The field with a position of this log, by the type of the event. */
const FIELDS = new Map([
  ['OutputOpened', { field: 'publishFrom', isIn: isControlStream }],
  ['LogCopied', { field: 'targetHead', isIn: isCopiedStream }],
]);

/** The position of the source that the event's data hold, and its field; `undefined` when there is none. */
export function positionIn({ type, stream, data }: RecordedEvent) {
  const place = FIELDS.get(type);
  if (place?.isIn(stream) !== true || !isObject(data)) return undefined;
  const text = data[place.field];
  const position = typeof text === 'string' ? parsePosition(text) : undefined;
  return position && { field: place.field, position };
}

/** The event as the target holds it. Refuses data or metadata that is no JSON object: the port cannot write it. */
export async function copiedEvent(logs: CopyLogs, event: RecordedEvent): Promise<EventToAppend> {
  const { id, type, data, metadata } = event;
  if (type === 'LogArchived' && isControlStream(event.stream)) {
    const message =
      'events of the source were moved to an archive, so that a copy of it would not be whole';
    const hint = 'Move the store’s file itself, or a backup of it.';
    throw new TocsinError('refused', 'log_archived', message, { hint });
  }
  if (!isObject(data) || !isObject(metadata)) {
    const part = isObject(data) ? 'metadata' : 'data';
    const message = `${nameOf(event)} has ${part} that is no JSON object, or nests too deep`;
    const hint = 'Copy single streams with --prefix, or copy the file itself.';
    throw new TocsinError('refused', 'event_not_copyable', message, { hint });
  }
  const found = positionIn(event);
  if (found === undefined) return { id, type, data, metadata };
  const position = await positionInTarget(logs, event, found.position);
  return { id, type, data: { ...data, [found.field]: position }, metadata };
}

async function positionInTarget(
  { source, target, prefixes }: CopyLogs,
  event: RecordedEvent,
  wanted: Position,
): Promise<string> {
  const earlier = { direction: 'backwards', from: event.position, prefixes } as const;
  for await (const page of source.readAll(earlier)) {
    const found = page.find(({ position }) => comparePositions(position, wanted) <= 0);
    if (found === undefined) continue;
    const { stream, revision } = found;
    const options = { direction: 'forwards', from: revision, maxCount: 1 } as const;
    for await (const [copy] of target.readStream(stream, options)) {
      if (copy?.id === found.id) return formatPosition(copy.position);
    }
    throw new TypeError(`${nameOf(found)} is not in the target yet`);
  }
  return formatPosition(START_POSITION);
}

/** The first difference between a source event and its copy; `undefined` when there is none. */
export function differenceOf(
  { stream, revision }: RecordedEvent,
  expected: EventToAppend,
  found: RecordedEvent,
): string | undefined {
  if (found.stream !== stream || found.revision !== revision) return nameOf(found);
  if (found.id !== expected.id) return `${nameOf(found)}, with the id ${found.id}`;
  if (found.type !== expected.type) return `${nameOf(found)}, of the type ${found.type}`;
  for (const part of ['data', 'metadata'] as const) {
    const value = found[part];
    if (!isObject(value) || canonicalJson(value) !== canonicalJson(expected[part])) {
      return `${nameOf(found)}, with other ${part}`;
    }
  }
  return undefined;
}

export function nameOf({ stream, revision }: RecordedEvent): string {
  return `event ${revision} of ${stream}`;
}

function isObject(value: Json | Unreadable): value is JsonObject {
  return isJsonObject(value) && !(value['unreadable'] instanceof Uint8Array);
}
