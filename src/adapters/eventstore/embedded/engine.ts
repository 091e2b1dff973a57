// Appends to the file in groups, in the writing thread: one transaction and one sync for many appends.
import type { DatabaseSync } from 'node:sqlite';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { StreamEnd } from '../../../domain/ports/stream-remover.ts';
import { SQLITE, sqliteCode, transaction } from '../../sqlite/open.ts';
import {
  actualRevision,
  decideAppend,
  decideLooseAppend,
  NO_STREAM,
  positionOf,
  STREAM_EXISTS,
  TOMBSTONE_REVISION,
  type StoredId,
} from '../common/revisions.ts';
import { metadataStream, streamOfMetadata, truncatedMetadata } from '../common/stream-metadata.ts';
import { archivedStreams } from './archived-streams.ts';
import { deletedStreams, lastData, metadataEvent } from './deleted-streams.ts';
import { newRecord, type NewRecord, type StoredAppend } from './group.ts';
import { idsOf, packRecord, placesOf, unpackRecord } from './record.ts';
import { recentIds } from './recent-ids.ts';
import { bigintOf, bytesOf, streamHash } from './schema.ts';

/** A stream; without an id it does not exist. */
type Found = { readonly id?: bigint; readonly last: bigint };

export type Engine = {
  /** Answers each append in order, when it is on disk. @throws when it is unknown whether the group was written */
  readonly commit: (group: readonly StoredAppend[]) => readonly AppendResult[];
  /** Removes streams in one transaction, see archived-streams.ts. @throws when it is unknown whether they are removed */
  readonly remove: (groups: readonly (readonly StreamEnd[])[]) => readonly boolean[];
};

/** @param rememberIds how many committed ids to remember for writers that expect no revision */
export function engine(db: DatabaseSync, rememberIds = 0): Engine {
  const recent = recentIds(rememberIds);
  const deleted = deletedStreams(db);
  const archived = archivedStreams(db);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  const head = db.prepare('SELECT max(position) AS head FROM records');
  const findStream = db.prepare(
    'SELECT id, last_revision FROM streams WHERE hash = ? AND name = ?',
  );
  const stored = db.prepare(
    'SELECT position, revision, events FROM records WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?',
  );
  const addStream = db.prepare('INSERT INTO streams (hash, name, last_revision) VALUES (?, ?, ?)');
  const moveStream = db.prepare('UPDATE streams SET last_revision = ? WHERE id = ?');
  const addRecord = db.prepare(
    'INSERT INTO records (position, stream, revision, created, events) VALUES (?, ?, ?, ?, ?)',
  );
  const lastRecord = db.prepare(
    `SELECT r.events FROM records r JOIN streams s ON s.id = r.stream AND s.last_revision = r.revision
     WHERE s.hash = ? AND s.name = ?`,
  );
  for (const statement of [head, findStream, stored, addStream]) statement.setReadBigInts(true);

  const storedFrom = (stream: bigint, from: bigint, count: number): readonly StoredId[] => {
    const ids: StoredId[] = [];
    for (const row of stored.all(stream, from, count)) {
      const record = unpackRecord(bytesOf(row['events']));
      const last = { revision: bigintOf(row['revision']), position: bigintOf(row['position']) };
      for (const place of placesOf(record, last)) if (place.revision >= from) ids.push(place);
    }
    return ids.slice(0, count);
  };

  const metadataOf = (stream: string): Uint8Array => {
    const name = metadataStream(stream);
    return lastData(unpackRecord(bytesOf(lastRecord.get(streamHash(name), name)?.['events'])));
  };

  const find = (stream: string): Found => {
    const row = findStream.get(streamHash(stream), stream);
    if (row === undefined) return { last: NO_STREAM };
    return { id: bigintOf(row['id']), last: bigintOf(row['last_revision']) };
  };

  /** The answer to an append that needs no write; `undefined` means write it. */
  const decide = ({ id, last }: Found, request: StoredAppend): AppendResult | undefined => {
    const { stream, expected, isDelete, records } = request;
    if (last === TOMBSTONE_REVISION) return streamDeleted(stream);
    if (last === NO_STREAM && archived.has(streamOfMetadata(stream) ?? stream)) {
      return streamArchived(stream);
    }
    const of = last === NO_STREAM ? streamOfMetadata(stream) : undefined;
    if (of !== undefined && find(of).last === TOMBSTONE_REVISION) return streamDeleted(stream);
    const wasDeleted = deleted.has(stream);
    if (wasDeleted && expected === STREAM_EXISTS) return streamDeleted(stream);
    // Most appends; nothing of their events is looked at.
    if (expected === last && !isDelete && records.length > 0) return undefined;
    const hasMetadata = (): boolean => find(metadataStream(stream)).last !== NO_STREAM;
    const ids = records.flatMap(idsOf);
    if (expected < NO_STREAM && !isDelete) {
      const exists = last !== NO_STREAM || hasMetadata();
      return decideLooseAppend(stream, last, exists, expected, ids, recent.find);
    }
    if (isDelete) {
      const exists = last !== NO_STREAM || hasMetadata();
      const isExpected =
        expected < NO_STREAM || expected === last || (wasDeleted && expected === NO_STREAM);
      if (exists && isExpected) return undefined;
      return { outcome: 'conflict', actual: actualRevision(last) };
    }
    const decided = decideAppend(last, expected, ids, (revision, count) =>
      id === undefined ? [] : storedFrom(id, revision, count),
    );
    // Whoever expects no stream may write to a deleted one, unless the append is a repeat of its first events.
    const isNew = wasDeleted && expected === NO_STREAM && decided?.outcome === 'conflict';
    if (!isNew || id === undefined || ids.length === 0) return decided;
    return storedFrom(id, 0n, 1)[0]?.id === ids[0] ? decided : undefined;
  };

  const write = (group: readonly StoredAppend[]): readonly AppendResult[] => {
    begin.run();
    let position = bigintOf(head.get()?.['head'] ?? 0n);
    const created = BigInt(Date.now());
    /** Adds the events behind the stream's last one. */
    const add = (
      stream: string,
      found: Found,
      records: readonly NewRecord[],
      end?: bigint,
    ): AppendResult => {
      let count = 0n;
      for (const record of records) count += BigInt(record.count);
      const revision = end ?? found.last + count;
      let { id } = found;
      if (id === undefined) {
        id = bigintOf(addStream.run(streamHash(stream), stream, revision).lastInsertRowid);
      } else moveStream.run(revision, id);
      let at = revision - count;
      for (const record of records) {
        at += BigInt(record.count);
        position += BigInt(record.length);
        addRecord.run(position, id, at, created, packRecord(record));
        if (rememberIds === 0) continue;
        for (const { id: event, ...place } of placesOf(record, { revision: at, position })) {
          recent.add(event, { stream, ...place });
        }
      }
      deleted.note(stream, records.at(-1));
      return { outcome: 'appended', revision, position: positionOf(position) };
    };
    /** A deleted stream that is written again, or gets new metadata, keeps its older events hidden. */
    const undelete = (stream: string, revision: bigint, metadata: Uint8Array): void => {
      const name = metadataStream(stream);
      add(name, find(name), [newRecord([metadataEvent(truncatedMetadata(metadata, revision))])]);
    };
    const results = group.map((request): AppendResult => {
      const { stream, records, isTombstone, isDelete } = request;
      const found = find(stream);
      const decided = decide(found, request);
      if (decided !== undefined) return decided;
      if (isDelete) {
        const name = metadataStream(stream);
        return add(name, find(name), records);
      }
      if (isTombstone) return add(stream, found, records, TOMBSTONE_REVISION);
      const of = streamOfMetadata(stream);
      const hidden = of !== undefined && deleted.has(of) ? find(of).last : undefined;
      const wasDeleted = deleted.has(stream);
      const result = add(stream, found, records);
      const last = records.at(-1);
      if (of !== undefined && hidden !== undefined && last !== undefined && !deleted.has(of)) {
        undelete(of, hidden + 1n, lastData(last));
      }
      if (wasDeleted) undelete(stream, found.last + 1n, metadataOf(stream));
      return result;
    });
    end.run();
    recent.end(true);
    return results;
  };

  const commit = (group: readonly StoredAppend[]): readonly AppendResult[] => {
    try {
      return write(group);
    } catch (error) {
      // SQLite may have rolled back by itself, as it does on a full disk.
      if (db.isTransaction) db.exec('ROLLBACK');
      recent.end(false);
      deleted.reload();
      const code = sqliteCode(error);
      if (code === SQLITE.full) return onFullDisk(group);
      if (code !== SQLITE.busy) throw error;
      const message = 'another program keeps the file locked';
      return group.map(() => ({ outcome: 'unknown', message, cause: error }));
    }
  };

  /** No append of the group was written; smaller ones may still fit. */
  const onFullDisk = (group: readonly StoredAppend[]): readonly AppendResult[] => {
    if (group.length === 1) {
      return [{ outcome: 'refused', reason: 'storage_full', message: 'the disk is full' }];
    }
    const half = group.length >>> 1;
    return [...commit(group.slice(0, half)), ...commit(group.slice(half))];
  };

  const remove: Engine['remove'] = (groups) => {
    let removed: readonly boolean[] = [];
    transaction(db, () => {
      removed = archived.remove(groups);
    });
    return removed;
  };

  return { commit, remove };
}

function streamArchived(stream: string): AppendResult {
  const message = `the stream ${stream} was moved to an archive`;
  return { outcome: 'refused', reason: 'stream_deleted', message };
}

function streamDeleted(stream: string): AppendResult {
  const message = `the stream ${stream} is deleted permanently`;
  return { outcome: 'refused', reason: 'stream_deleted', message };
}
