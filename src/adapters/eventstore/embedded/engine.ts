// Appends to the file in groups, in the writing thread: one transaction and one sync for many appends.
import type { DatabaseSync } from 'node:sqlite';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { SQLITE, sqliteCode } from '../../sqlite/open.ts';
import type { AppendRequest } from '../common/append-request.ts';
import {
  decideAppend,
  decideLooseAppend,
  NO_STREAM,
  positionOf,
  TOMBSTONE_REVISION,
  type StoredId,
} from '../common/revisions.ts';
import { bigintOf, textOf } from './schema.ts';
import { recentIds } from './recent-ids.ts';

/** The bytes of an event besides its content, so that no two positions are adjacent. */
const RECORD_BYTES = 36;

export type Engine = {
  /** Answers each append in order, when it is on disk. @throws when it is unknown whether the group was written */
  readonly commit: (group: readonly AppendRequest[]) => readonly AppendResult[];
};

/** @param rememberIds how many committed ids to remember for writers that expect no revision */
export function engine(db: DatabaseSync, rememberIds = 0): Engine {
  const recent = recentIds(rememberIds);
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
  for (const statement of [head, findStream, stored, addStream]) statement.setReadBigInts(true);

  const storedFrom = (stream: bigint, revision: bigint, count: number): readonly StoredId[] =>
    stored
      .all(stream, revision, count)
      .map((row) => ({ id: textOf(row['id']), position: bigintOf(row['position']) }));

  const write = (group: readonly AppendRequest[]): readonly AppendResult[] => {
    begin.run();
    let position = bigintOf(head.get()?.['head'] ?? 0n);
    const created = BigInt(Date.now());
    const find = (stream: string): { readonly id?: bigint; readonly last: bigint } => {
      const row = findStream.get(stream);
      if (row === undefined) return { last: NO_STREAM };
      return { id: bigintOf(row['id']), last: bigintOf(row['last_revision']) };
    };
    const results = group.map(({ stream, expected, events, isTombstone }): AppendResult => {
      const { last, ...found } = find(stream);
      if (last === TOMBSTONE_REVISION) return streamDeleted(stream);
      let { id } = found;
      const ids = events.map((event) => event.id);
      const decided =
        expected >= NO_STREAM
          ? decideAppend(last, expected, ids, (revision, count) =>
              id === undefined ? [] : storedFrom(id, revision, count),
            )
          : decideLooseAppend(
              stream,
              last,
              last !== NO_STREAM || find(`$$${stream}`).last !== NO_STREAM,
              expected,
              ids,
              recent.find,
            );
      if (decided !== undefined) return decided;
      const revision = isTombstone ? TOMBSTONE_REVISION : last + BigInt(events.length);
      if (id === undefined) id = bigintOf(addStream.run(stream, revision).lastInsertRowid);
      else moveStream.run(revision, id);
      let at = revision - BigInt(events.length);
      for (const { id: eventId, type, isJson, data, metadata, bytes } of events) {
        at += 1n;
        position += BigInt(bytes + RECORD_BYTES);
        addEvent.run(position, id, at, eventId, type, isJson ? 1n : 0n, created, data, metadata);
        recent.add(eventId, { stream, revision: at, position });
      }
      return { outcome: 'appended', revision, position: positionOf(position) };
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
