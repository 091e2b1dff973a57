// The streams that are deleted softly. The writing thread keeps their names, so that an append looks up no metadata.
import type { DatabaseSync } from 'node:sqlite';
import {
  isDeleted,
  METADATA_TYPE,
  parseStreamMetadata,
  streamOfMetadata,
} from '../common/stream-metadata.ts';
import type { EncodedEvent } from '../common/append-request.ts';
import { contentOf, textOf } from './schema.ts';

export type DeletedStreams = {
  readonly has: (stream: string) => boolean;
  /** Notes the last event of a stream of metadata; ignores other streams. */
  readonly note: (stream: string, event: EncodedEvent | undefined) => void;
  /** Reads the names from the file again, after a rollback. */
  readonly reload: () => void;
};

export function deletedStreams(db: DatabaseSync): DeletedStreams {
  const names = new Set<string>();
  const metadata = db.prepare(
    `SELECT s.name, e.data FROM streams s JOIN events e ON e.stream = s.id AND e.revision = s.last_revision
     WHERE s.name >= '$$' AND s.name < '$%'`,
  );
  const note = (stream: string, data: string | Uint8Array): void => {
    const of = streamOfMetadata(stream);
    if (of === undefined) return;
    if (isDeleted(parseStreamMetadata(data))) names.add(of);
    else names.delete(of);
  };
  const reload = (): void => {
    names.clear();
    for (const row of metadata.iterate()) note(textOf(row['name']), contentOf(row['data']));
  };
  reload();
  return {
    has: (stream) => names.size > 0 && names.has(stream),
    note(stream, event) {
      if (event !== undefined) note(stream, event.data);
    },
    reload,
  };
}

/** The event of new metadata. */
export function metadataEvent(data: string): EncodedEvent {
  const bytes = METADATA_TYPE.length + Buffer.byteLength(data);
  return { id: crypto.randomUUID(), type: METADATA_TYPE, isJson: true, data, metadata: '', bytes };
}
