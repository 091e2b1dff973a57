// What readers of a stream see of it: metadata hide events from reads, subscriptions and links, but not from the log.
import type { Position } from '../../../domain/core/positions.ts';
import { positionOf, TOMBSTONE_REVISION } from '../common/revisions.ts';
import {
  isDeleted,
  metadataStream,
  parseStreamMetadata,
  streamOfMetadata,
} from '../common/stream-metadata.ts';
import type { FileRows, StoredEvent } from '../embedded/rows.ts';

/** `absent` also for a stream that is deleted softly. */
export type StreamView =
  | { readonly state: 'absent' | 'tombstoned' }
  | {
      readonly state: 'there';
      /** Events below this revision are hidden. It may lie behind the last one. */
      readonly first: bigint;
      /** Events made earlier, in milliseconds since 1970, are hidden. */
      readonly since: number;
      readonly last: bigint;
    };

export function streamView(rows: FileRows, stream: string, now: number): StreamView {
  const last = rows.lastRevision(stream);
  if (last === TOMBSTONE_REVISION) return { state: 'tombstoned' };
  const of = streamOfMetadata(stream);
  if (of !== undefined) {
    if (rows.lastRevision(of) === TOMBSTONE_REVISION) return { state: 'tombstoned' };
    // Readers of metadata see the latest only.
    return last < 0n ? { state: 'absent' } : { state: 'there', first: last, since: 0, last };
  }
  if (last < 0n) return { state: 'absent' };
  const data = rows.lastData(metadataStream(stream));
  if (data === undefined) return { state: 'there', first: 0n, since: 0, last };
  const metadata = parseStreamMetadata(data);
  if (isDeleted(metadata)) return { state: 'absent' };
  const { maxCount, maxAgeSeconds, truncateBefore = 0 } = metadata;
  const counted = maxCount === undefined ? 0n : last - BigInt(maxCount) + 1n;
  const truncated = BigInt(truncateBefore);
  const since = maxAgeSeconds === undefined ? 0 : now - maxAgeSeconds * 1000;
  return { state: 'there', first: counted > truncated ? counted : truncated, since, last };
}

export function isVisible(view: StreamView, event: StoredEvent): boolean {
  if (view.state !== 'there') return false;
  return BigInt(event.revision) >= view.first && event.created >= view.since;
}

/** The position of an append without events: a server writes a record that is no event. This one lies behind the log. */
export function placeOfNothing(rows: FileRows): Position {
  return positionOf(rows.head() + 1n);
}
