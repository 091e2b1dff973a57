// Changes stored events in the file of a store, as damage or an older program would.
import { DatabaseSync } from 'node:sqlite';
import { newRecord } from '../../src/adapters/eventstore/embedded/group.ts';
import {
  contentsOf,
  packRecord,
  unpackRecord,
  type RecordedContent,
} from '../../src/adapters/eventstore/embedded/record.ts';
import { bytesOf } from '../../src/adapters/eventstore/embedded/schema.ts';

export type StoredContent = RecordedContent & { readonly revision: number };

/** Replaces each event for which `change` returns one; returns how many. Positions stay only if sizes do. */
export function rewriteEvents(
  file: string,
  change: (event: StoredContent) => Partial<Pick<RecordedContent, 'data' | 'metadata'>> | undefined,
): number {
  using db = new DatabaseSync(file);
  const update = db.prepare('UPDATE records SET events = ? WHERE position = ?');
  let changed = 0;
  for (const row of db.prepare('SELECT position, revision, events FROM records').all()) {
    const contents = contentsOf(unpackRecord(bytesOf(row['events'])));
    const first = Number(row['revision']) - contents.length + 1;
    const before = changed;
    const events = contents.map((content, n) => {
      const other = change({ ...content, revision: first + n });
      if (other !== undefined) changed += 1;
      const event = { ...content, ...other };
      const bytes = Buffer.byteLength(event.type) + event.data.length + event.metadata.length;
      return { ...event, bytes };
    });
    if (changed > before) update.run(packRecord(newRecord(events)), Number(row['position']));
  }
  return changed;
}
