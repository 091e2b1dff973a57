// Removes streams that were moved to an archive. A removed stream leaves the hash of its name, so that no append can begin
// it again: a scope or an idempotency key that was used stays used.
import type { DatabaseSync } from 'node:sqlite';
import type { StreamEnd } from '../../../domain/ports/stream-remover.ts';
import { metadataStream } from '../common/stream-metadata.ts';
import { archivedKey, bigintOf, streamHash } from './schema.ts';

export type ArchivedStreams = {
  /** True for a stream that was removed. */
  readonly has: (stream: string) => boolean;
  /**
   * Removes the streams of each group in the running transaction, all of a group or none: none, where a stream has other
   * events than the caller has seen, or metadata. A repeat of a group finds it removed.
   *
   * @returns for each group whether it is removed
   */
  readonly remove: (groups: readonly (readonly StreamEnd[])[]) => readonly boolean[];
};

export function archivedStreams(db: DatabaseSync): ArchivedStreams {
  const findKey = db.prepare('SELECT 1 FROM archived WHERE stream = ?');
  const addKey = db.prepare('INSERT INTO archived (stream) VALUES (?)');
  const findStream = db.prepare(
    'SELECT id, last_revision FROM streams WHERE hash = ? AND name = ?',
  );
  findStream.setReadBigInts(true);
  // Positions go on from the last record.
  const holdsLast = db.prepare(
    'SELECT 1 FROM records WHERE position = (SELECT max(position) FROM records) AND stream = ?',
  );
  const removeRecords = db.prepare('DELETE FROM records WHERE stream = ?');
  const removeStream = db.prepare('DELETE FROM streams WHERE id = ?');
  // Most logs have no archive: then an append looks nothing up.
  let isUsed = db.prepare('SELECT 1 FROM archived LIMIT 1').get() !== undefined;

  const has = (stream: string): boolean => isUsed && findKey.get(archivedKey(stream)) !== undefined;

  /** The streams of a group that are still there; `undefined` where the group must stay. */
  const idsOf = (group: readonly StreamEnd[]): ReadonlyMap<string, bigint> | undefined => {
    const ids = new Map<string, bigint>();
    for (const { stream, last } of group) {
      const row = findStream.get(streamHash(stream), stream);
      if (row === undefined) {
        if (has(stream)) continue;
        return undefined;
      }
      const metadata = metadataStream(stream);
      if (bigintOf(row['last_revision']) !== last) return undefined;
      if (findStream.get(streamHash(metadata), metadata) !== undefined) return undefined;
      const id = bigintOf(row['id']);
      if (holdsLast.get(id) !== undefined) return undefined;
      ids.set(stream, id);
    }
    return ids;
  };

  return {
    has,
    remove(groups) {
      return groups.map((group) => {
        const ids = idsOf(group);
        if (ids === undefined) return false;
        for (const [stream, id] of ids) {
          removeRecords.run(id);
          removeStream.run(id);
          addKey.run(archivedKey(stream));
          isUsed = true;
        }
        return true;
      });
    },
  };
}
