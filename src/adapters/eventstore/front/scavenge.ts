// Removes the events that metadata, deletions and tombstones hide, as a server's scavenge does: for tests of what imitates
// a server. A stream's last event stays.
import type { DatabaseSync } from 'node:sqlite';
import { openSqlite } from '../../sqlite/open.ts';
import type { EncodedEvent } from '../common/append-request.ts';
import { TOMBSTONE_REVISION } from '../common/revisions.ts';
import { metadataStream, streamOfMetadata } from '../common/stream-metadata.ts';
import { bounded, type FileRows } from '../embedded/rows.ts';
import { newRecord } from '../embedded/group.ts';
import { contentsOf, packRecord, unpackRecord, type RecordedContent } from '../embedded/record.ts';
import {
  bigintOf,
  bytesOf,
  IS_METADATA,
  STORE_FORMAT,
  streamHash,
  textOf,
} from '../embedded/schema.ts';
import { streamView } from './stream-view.ts';

/** The store may be open: the removal is one transaction of its own. */
export function scavenge(file: string, rows: FileRows): void {
  const db = openSqlite(file, STORE_FORMAT);
  try {
    const streams = streamsWithHidden(db);
    db.exec('BEGIN IMMEDIATE');
    for (const stream of streams) removeHidden(db, rows, stream);
    db.exec('COMMIT');
  } finally {
    db.close();
  }
}

/** Streams with metadata, their metadata, and streams with a tombstone. */
function streamsWithHidden(db: DatabaseSync): ReadonlySet<string> {
  const found = db
    .prepare(`SELECT name FROM streams WHERE ${IS_METADATA} OR last_revision = ?`)
    .all(TOMBSTONE_REVISION);
  const names = found.map((row) => textOf(row['name']));
  return new Set(names.flatMap((name) => [name, streamOfMetadata(name) ?? name]));
}

function removeHidden(db: DatabaseSync, rows: FileRows, stream: string): void {
  const last = rows.lastRevision(stream);
  if (last < 0n) return;
  const view = streamView(rows, stream, Date.now());
  if (view.state === 'there') removeBelow(db, stream, last, bounded(view.first), view.since);
  // A deleted stream keeps its last event, a stream with a tombstone keeps that.
  else removeBelow(db, stream, last, last, 0);
  if (last === TOMBSTONE_REVISION) {
    removeBelow(db, metadataStream(stream), TOMBSTONE_REVISION, TOMBSTONE_REVISION, 0);
  }
}

/** Removes the events before `last` whose revision is below `first`, or that were made before `since`. */
function removeBelow(
  db: DatabaseSync,
  stream: string,
  last: bigint,
  first: bigint,
  since: number,
): void {
  const records = db.prepare(
    `SELECT r.position, r.revision, r.created, r.events FROM records r JOIN streams s ON s.id = r.stream
     WHERE s.hash = ? AND s.name = ?`,
  );
  const remove = db.prepare('DELETE FROM records WHERE position = ?');
  const change = db.prepare('UPDATE records SET events = ? WHERE position = ?');
  for (const { position, revision, created, events } of records.all(streamHash(stream), stream)) {
    const record = unpackRecord(bytesOf(events));
    const firstKept = Number(created) < since ? last : first < last ? first : last;
    const kept = Number(bigintOf(revision) - firstKept) + 1;
    if (kept <= 0) remove.run(position ?? 0);
    else if (kept < record.count) {
      const rest = contentsOf(record).slice(-kept);
      change.run(packRecord(newRecord(rest.map(asNew))), position ?? 0);
    }
  }
}

function asNew(event: RecordedContent): EncodedEvent {
  const { type, data, metadata } = event;
  const bytes = Buffer.byteLength(type) + data.length + metadata.length;
  return { ...event, bytes };
}
