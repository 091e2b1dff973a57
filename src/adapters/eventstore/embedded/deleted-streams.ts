// The streams that are deleted softly. The writing thread keeps their names, so that an append looks up no metadata.
import type { DatabaseSync } from 'node:sqlite';
import {
  isDeleted,
  METADATA_TYPE,
  parseStreamMetadata,
  streamOfMetadata,
} from '../common/stream-metadata.ts';
import type { EncodedEvent } from '../common/append-request.ts';
import { contentsOf, unpackRecord, type PlainRecord } from './record.ts';
import { bytesOf, IS_METADATA, textOf } from './schema.ts';

export type DeletedStreams = {
  readonly has: (stream: string) => boolean;
  /** Notes the last event of a stream of metadata; ignores other streams. */
  readonly note: (stream: string, record: PlainRecord | undefined) => void;
  /** Reads the names from the file again, after a rollback. */
  readonly reload: () => void;
};

export function deletedStreams(db: DatabaseSync): DeletedStreams {
  const names = new Set<string>();
  const metadata = db.prepare(
    `SELECT s.name, r.events FROM streams s JOIN records r ON r.stream = s.id AND r.revision = s.last_revision
     WHERE s.${IS_METADATA}`,
  );
  const note = (stream: string, record: PlainRecord): void => {
    const of = streamOfMetadata(stream);
    if (of === undefined) return;
    if (isDeleted(parseStreamMetadata(lastData(record)))) names.add(of);
    else names.delete(of);
  };
  const reload = (): void => {
    names.clear();
    for (const row of metadata.iterate()) {
      note(textOf(row['name']), unpackRecord(bytesOf(row['events'])));
    }
  };
  reload();
  return {
    has: (stream) => names.size > 0 && names.has(stream),
    note(stream, record) {
      if (record !== undefined) note(stream, record);
    },
    reload,
  };
}

/** The data of a record's last event. */
export function lastData(record: PlainRecord): Uint8Array {
  return contentsOf(record).at(-1)?.data ?? new Uint8Array();
}

/** The event of new metadata. */
export function metadataEvent(data: string): EncodedEvent {
  const bytes = METADATA_TYPE.length + Buffer.byteLength(data);
  return { id: crypto.randomUUID(), type: METADATA_TYPE, isJson: true, data, metadata: '', bytes };
}
