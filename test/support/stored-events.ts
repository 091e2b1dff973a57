// The events in the file of a store, read without the store: for oracles and damaged files.
import { DatabaseSync } from 'node:sqlite';
import { contentsOf, unpackRecord } from '../../src/adapters/eventstore/embedded/record.ts';
import { bytesOf } from '../../src/adapters/eventstore/embedded/schema.ts';

export type StoredRow = {
  readonly stream: string;
  readonly id: string;
  readonly type: string;
  readonly data: string;
};

/** The events of all streams whose names have a prefix, in the order of the log. */
export function* storedEvents(file: string, prefix = ''): Generator<StoredRow, void, undefined> {
  using db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  const records = db.prepare(
    `SELECT s.name, r.events FROM records r CROSS JOIN streams s ON s.id = r.stream
     WHERE substr(s.name, 1, length(?)) = ? ORDER BY r.position`,
  );
  for (const row of records.iterate(prefix, prefix)) {
    const stream = String(row['name']);
    for (const { id, type, data } of contentsOf(unpackRecord(bytesOf(row['events'])))) {
      yield { stream, id, type, data: data.toString('utf8') };
    }
  }
}
