// Appends to the file in groups, in the writing thread: one transaction and one sync for many appends.
import type { DatabaseSync } from 'node:sqlite';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { SQLITE, sqliteCode } from '../../sqlite/open.ts';
import type { AppendRequest, EncodedEvent } from '../common/append-request.ts';
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
import { deletedStreams, metadataEvent } from './deleted-streams.ts';
import { bigintOf, contentOf, textOf, type Content } from './schema.ts';
import { recentIds } from './recent-ids.ts';

/** The bytes of an event besides its content, so that no two positions are adjacent. */
const RECORD_BYTES = 36;

/** A stream; without an id it does not exist. */
type Found = { readonly id?: bigint; readonly last: bigint };

export type Engine = {
  /** Answers each append in order, when it is on disk. @throws when it is unknown whether the group was written */
  readonly commit: (group: readonly AppendRequest[]) => readonly AppendResult[];
};

/** @param rememberIds how many committed ids to remember for writers that expect no revision */
export function engine(db: DatabaseSync, rememberIds = 0): Engine {
  const recent = recentIds(rememberIds);
  const deleted = deletedStreams(db);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  const head = db.prepare('SELECT max(position) AS head FROM events');
  const findStream = db.prepare('SELECT id, last_revision FROM streams WHERE name = ?');
  const stored = db.prepare(
    'SELECT id, position FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?',
  );
  const addStream = db.prepare('INSERT INTO streams (name, last_revision) VALUES (?, ?)');
  const moveStream = db.prepare('UPDATE streams SET last_revision = ? WHERE id = ?');
  const addEvent = db.prepare(
    `INSERT INTO events (position, stream, revision, id, type, is_json, created, data, metadata)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const lastData = db.prepare(
    `SELECT e.data FROM events e JOIN streams s ON s.id = e.stream AND s.last_revision = e.revision
     WHERE s.name = ?`,
  );
  for (const statement of [head, findStream, stored, addStream]) statement.setReadBigInts(true);

  const storedFrom = (stream: bigint, revision: bigint, count: number): readonly StoredId[] =>
    stored
      .all(stream, revision, count)
      .map((row) => ({ id: textOf(row['id']), position: bigintOf(row['position']) }));

  const metadataOf = (stream: string): Content => {
    return contentOf(lastData.get(metadataStream(stream))?.['data']);
  };

  const find = (stream: string): Found => {
    const row = findStream.get(stream);
    if (row === undefined) return { last: NO_STREAM };
    return { id: bigintOf(row['id']), last: bigintOf(row['last_revision']) };
  };

  /** The answer to an append that needs no write; `undefined` means write it. */
  const decide = ({ id, last }: Found, request: AppendRequest): AppendResult | undefined => {
    const { stream, expected, isDelete } = request;
    if (last === TOMBSTONE_REVISION) return streamDeleted(stream);
    const of = last === NO_STREAM ? streamOfMetadata(stream) : undefined;
    if (of !== undefined && find(of).last === TOMBSTONE_REVISION) return streamDeleted(stream);
    const wasDeleted = deleted.has(stream);
    if (wasDeleted && expected === STREAM_EXISTS) return streamDeleted(stream);
    const hasMetadata = (): boolean => find(metadataStream(stream)).last !== NO_STREAM;
    const ids = request.events.map((event) => event.id);
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

  const write = (group: readonly AppendRequest[]): readonly AppendResult[] => {
    begin.run();
    let position = bigintOf(head.get()?.['head'] ?? 0n);
    const created = BigInt(Date.now());
    /** Adds the events behind the stream's last one. */
    const add = (
      stream: string,
      found: Found,
      events: readonly EncodedEvent[],
      revision = found.last + BigInt(events.length),
    ): AppendResult => {
      let { id } = found;
      if (id === undefined) id = bigintOf(addStream.run(stream, revision).lastInsertRowid);
      else moveStream.run(revision, id);
      let at = revision - BigInt(events.length);
      for (const { id: eventId, type, isJson, data, metadata, bytes } of events) {
        at += 1n;
        position += BigInt(bytes + RECORD_BYTES);
        addEvent.run(position, id, at, eventId, type, isJson ? 1n : 0n, created, data, metadata);
        recent.add(eventId, { stream, revision: at, position });
      }
      deleted.note(stream, events.at(-1));
      return { outcome: 'appended', revision, position: positionOf(position) };
    };
    /** A deleted stream that is written again, or gets new metadata, keeps its older events hidden. */
    const undelete = (stream: string, revision: bigint, metadata: Content): void => {
      const name = metadataStream(stream);
      add(name, find(name), [metadataEvent(truncatedMetadata(metadata, revision))]);
    };
    const results = group.map((request): AppendResult => {
      const { stream, events, isTombstone, isDelete } = request;
      const found = find(stream);
      const decided = decide(found, request);
      if (decided !== undefined) return decided;
      if (isDelete) {
        const name = metadataStream(stream);
        return add(name, find(name), events);
      }
      if (isTombstone) return add(stream, found, events, TOMBSTONE_REVISION);
      const of = streamOfMetadata(stream);
      const hidden = of !== undefined && deleted.has(of) ? find(of).last : undefined;
      const wasDeleted = deleted.has(stream);
      const result = add(stream, found, events);
      if (of !== undefined && hidden !== undefined && !deleted.has(of)) {
        undelete(of, hidden + 1n, events.at(-1)?.data ?? '');
      }
      if (wasDeleted) undelete(stream, found.last + 1n, metadataOf(stream));
      return result;
    });
    end.run();
    recent.end(true);
    return results;
  };

  const commit = (group: readonly AppendRequest[]): readonly AppendResult[] => {
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
  const onFullDisk = (group: readonly AppendRequest[]): readonly AppendResult[] => {
    if (group.length === 1) {
      return [{ outcome: 'refused', reason: 'storage_full', message: 'the disk is full' }];
    }
    const half = group.length >>> 1;
    return [...commit(group.slice(0, half)), ...commit(group.slice(half))];
  };

  return { commit };
}

function streamDeleted(stream: string): AppendResult {
  const message = `the stream ${stream} is deleted permanently`;
  return { outcome: 'refused', reason: 'stream_deleted', message };
}
