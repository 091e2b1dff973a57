// The leaf of an event: the hash of everything in it but its position, with a salted hash in place of the personal part.
// So a leaf can be computed without the personal content, and forgetting a user changes no leaf.
import { hash } from 'node:crypto';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../../domain/core/json.ts';
import { sealedPersonal } from '../../domain/core/personal.ts';
import {
  isUnreadable,
  type RecordedEvent,
  type Unreadable,
} from '../../domain/core/recorded-event.ts';
import { personalHash, saltedHash } from '../personal-hash.ts';
import { leafHash, type Hash } from './merkle.ts';

/** An event without personal content; the leaf is the hash of its canonical JSON. */
export type LeafEvent = {
  readonly id: string;
  readonly stream: string;
  readonly revision: string;
  readonly type: string;
  readonly metadata: JsonObject;
  readonly data: JsonObject;
};

export function leafOf(recorded: RecordedEvent): Hash {
  return leafHash(leafText(leafEvent(recorded)));
}

/** The canonical JSON of an event, composed of parts, because only two of them need a sort. */
export function leafText(event: LeafEvent): string {
  return composed(event, canonicalJson(event.data), canonicalJson(event.metadata));
}

/** As {@link leafText}, and the same with the event's position, as exports have it. */
export function leafTexts(
  event: LeafEvent,
  position: string,
): { readonly leaf: string; readonly positioned: string } {
  const [data, metadata] = [canonicalJson(event.data), canonicalJson(event.metadata)];
  const place = `"position":${JSON.stringify(position)},`;
  return {
    leaf: composed(event, data, metadata),
    positioned: composed(event, data, metadata, place),
  };
}

function composed(
  { id, stream, revision, type }: LeafEvent,
  data: string,
  metadata: string,
  place = '',
): string {
  return (
    `{"data":${data},"id":${JSON.stringify(id)},"metadata":${metadata},${place}` +
    `"revision":${JSON.stringify(revision)},"stream":${JSON.stringify(stream)},` +
    `"type":${JSON.stringify(type)}}`
  );
}

export function leafEvent(recorded: RecordedEvent): LeafEvent {
  const { id, stream, revision, type, data, metadata } = recorded;
  return {
    id,
    stream,
    revision: String(revision),
    type,
    metadata: objectOf(metadata),
    data: publicData(objectOf(data)),
  };
}

/** Data with hashes in place of the personal part. */
function publicData(data: JsonObject): JsonObject {
  const { personal } = data;
  return personal === undefined ? data : { ...data, personal: publicPersonal(personal) };
}

/** What a leaf holds of a personal part. A sealed part's ciphertext counts too: it must not be replaced. */
export function publicPersonal(personal: Json): JsonObject {
  if (!isJsonObject(personal)) return { hash: saltedHash('', canonicalJson(personal)) };
  const whole = sealedPersonal({ personal });
  if (whole === undefined) return { hash: personalHash(personal) };
  const { user, key, box } = whole.sealed;
  return { hash: whole.hash, sealed: { user, key, box: hash('sha256', box) } };
}

/** Wraps a value that is not a JSON object in one. */
export function objectOf(value: Json | Unreadable): JsonObject {
  if (isUnreadable(value)) return { unreadable: Buffer.from(value.unreadable).toString('base64') };
  return isJsonObject(value) ? value : { value };
}
