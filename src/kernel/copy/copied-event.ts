// What one event becomes in the copy. Everything stays as it is, but for a position: it is a place of one
// log and means another place, or none, in every other.
import { TocsinError } from '../../domain/core/errors.ts';
import { canonicalJson, type Json, type JsonObject } from '../../domain/core/json.ts';
import type { EventToAppend, RecordedEvent, Unreadable } from '../../domain/core/recorded-event.ts';
import {
  comparePositions,
  formatPosition,
  parsePosition,
  START_POSITION,
  type Position,
} from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';

/** The logs that a copy goes between, as far as an event is concerned. */
export type CopyLogs = {
  readonly source: Pick<EventStore, 'readAll'>;
  readonly target: Pick<EventStore, 'readStream'>;
  readonly prefixes: readonly string[];
};

/** The place after which a list of messages begins, where the event names one of its log. */
export function positionIn({ type, stream, data }: RecordedEvent): Position | undefined {
  if (type !== 'OutputOpened' || !stream.endsWith('.control') || !isObject(data)) return undefined;
  const { publishFrom } = data;
  return typeof publishFrom === 'string' ? parsePosition(publishFrom) : undefined;
}

/**
 * The event as the target holds it, or will.
 *
 * @throws TocsinError `refused` with `event_not_copyable` for what is no JSON object: the port cannot
 * write it, and left out it would be missing
 */
export async function copiedEvent(logs: CopyLogs, event: RecordedEvent): Promise<EventToAppend> {
  const { id, type, data, metadata } = event;
  if (!isObject(data) || !isObject(metadata)) {
    throw new TocsinError(
      'refused',
      'event_not_copyable',
      `${placeOf(event)} has ${isObject(data) ? 'metadata' : 'data'} that is no JSON object, or nests too deep`,
      { hint: 'Copy the streams that you need with --prefix, or the file itself.' },
    );
  }
  const position = positionIn(event);
  if (position === undefined) return { id, type, data, metadata };
  const publishFrom = await positionInTarget(logs, event, position);
  return { id, type, data: { ...data, publishFrom }, metadata };
}

/** The place in the target of the last event that is not after the position in the source. */
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
    const there = { direction: 'forwards', from: revision, maxCount: 1 } as const;
    for await (const [copy] of target.readStream(stream, there)) {
      if (copy?.id === found.id) return formatPosition(copy.position);
    }
    throw new TypeError(`${placeOf(found)} is not in the target yet`);
  }
  return formatPosition(START_POSITION);
}

/** What a copy differs in, or `undefined` when it is one. */
export function differenceOf(
  { stream, revision }: RecordedEvent,
  expected: EventToAppend,
  found: RecordedEvent,
): string | undefined {
  if (found.stream !== stream || found.revision !== revision) return placeOf(found);
  if (found.id !== expected.id) return `${placeOf(found)}, with the id ${found.id}`;
  if (found.type !== expected.type) return `${placeOf(found)}, of the type ${found.type}`;
  for (const part of ['data', 'metadata'] as const) {
    const value = found[part];
    if (!isObject(value) || canonicalJson(value) !== canonicalJson(expected[part])) {
      return `${placeOf(found)}, with other ${part}`;
    }
  }
  return undefined;
}

export function placeOf({ stream, revision }: RecordedEvent): string {
  return `event ${revision} of ${stream}`;
}

function isObject(value: Json | Unreadable): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !('unreadable' in value && value['unreadable'] instanceof Uint8Array);
}
