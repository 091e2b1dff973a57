// The server's events as the port has them. Nothing in them is taken on trust but their shape.
import { isUtf8 } from 'node:buffer';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { Json } from '../../../domain/core/json.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent, Unreadable } from '../../../domain/ports/event-store.ts';
import { parseJsonText } from '../common/json-text.ts';

const JSON_CONTENT = 'application/json';

/** Positions are signed on the server's disk; anything above is "unknown", spelled as a number. */
const MAX_POSITION = 2n ** 63n - 1n;

/** An event, and about how much of a page it fills. */
export type Received = { readonly event: RecordedEvent; readonly bytes: number };

/** The event of an answer, if it carries one. */
export function receivedEvent(answer: ReadResp): Received | undefined {
  // Links are not resolved, so a link is an event like others.
  const record = answer.getEvent()?.getEvent();
  const name = record?.getStreamIdentifier()?.getStreamName_asU8();
  if (record === undefined || name === undefined) return undefined;
  const facts = record.getMetadataMap();
  const data = record.getData_asU8();
  const metadata = record.getCustomMetadata_asU8();
  const position = positionFrom(record.getCommitPosition(), record.getPreparePosition());
  if (position === undefined) throw new TypeError('the event store sent an event without a place');
  return {
    event: {
      id: parseUUID(record.getId()) ?? '',
      stream: Buffer.from(name).toString(),
      revision: BigInt(record.getStreamRevision()),
      position,
      type: facts.get('type') ?? '',
      data: facts.get('content-type') === JSON_CONTENT ? jsonOf(data) : { unreadable: data },
      metadata: jsonOf(metadata),
    },
    bytes: data.length + metadata.length,
  };
}

/** The place of a checkpoint; `undefined` where the server does not know one that can be gone on from. */
export function checkpointOf(answer: ReadResp): Position | undefined {
  const checkpoint = answer.getCheckpoint();
  if (checkpoint === undefined) return undefined;
  return positionFrom(checkpoint.getCommitPosition(), checkpoint.getPreparePosition());
}

/** Both parts, or nothing: going on from half a position has lost events on real servers. */
export function positionFrom(commitText: string, prepareText: string): Position | undefined {
  const commit = BigInt(commitText);
  const prepare = BigInt(prepareText);
  if (commit > MAX_POSITION || prepare > MAX_POSITION) return undefined;
  return prepare === 0n && commit !== 0n ? undefined : { commit, prepare };
}

function jsonOf(bytes: Uint8Array): Json | Unreadable {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  // What is not UTF-8 comes out with this character; then the bytes themselves decide.
  if (text.includes('\uFFFD') && !isUtf8(bytes)) return { unreadable: bytes };
  try {
    return parseJsonText(text);
  } catch {
    return { unreadable: bytes };
  }
}
