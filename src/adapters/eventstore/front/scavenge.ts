// Removes the events that metadata, deletions and tombstones hide, as a server's scavenge does: for tests of what imitates
// a server. A stream's last event stays.
import type { DatabaseSync } from 'node:sqlite';
import { openSqlite } from '../../sqlite/open.ts';
import { TOMBSTONE_REVISION } from '../common/revisions.ts';
import { metadataStream, streamOfMetadata } from '../common/stream-metadata.ts';
import { bounded, type FileRows } from '../embedded/rows.ts';
import { STORE_FORMAT, textOf } from '../embedded/schema.ts';
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
    .prepare(`SELECT name FROM streams WHERE (name >= '$$' AND name < '$%') OR last_revision = ?`)
    .all(TOMBSTONE_REVISION);
  const names = found.map((row) => textOf(row['name']));
  return new Set(names.flatMap((name) => [name, streamOfMetadata(name) ?? name]));
}

function removeHidden(db: DatabaseSync, rows: FileRows, stream: string): void {
  const last = rows.lastRevision(stream);
  if (last < 0n) return;
  const below = db.prepare(
    `DELETE FROM events WHERE stream = (SELECT id FROM streams WHERE name = ?)
     AND revision < ? AND (revision < ? OR created < ?)`,
  );
  const view = streamView(rows, stream, Date.now());
  if (view.state === 'there') below.run(stream, last, bounded(view.first), Math.floor(view.since));
  // A deleted stream keeps its last event, a stream with a tombstone keeps that.
  else below.run(stream, last, last, 0);
  if (last === TOMBSTONE_REVISION)
    below.run(metadataStream(stream), TOMBSTONE_REVISION, TOMBSTONE_REVISION, 0);
}
