// Resolves links: events of type `$>`, whose data is `revision@stream` of another event.
import { TOMBSTONE_REVISION } from '../common/revisions.ts';
import type { FileRows, StoredEvent } from '../embedded/rows.ts';
import type { OutgoingEvent } from './event-frames.ts';

const LINK_TYPE = '$>';
/** The longest link: a revision, an @ and a stream name within its limit. */
const MAX_LINK_BYTES = 2_048;
const LINK = /^(\d{1,19})@(.+)$/s;

/** The event, or the link with its target. */
export function resolveLink(rows: FileRows, event: StoredEvent): OutgoingEvent {
  const { position } = event;
  if (event.type !== LINK_TYPE) return { event, link: undefined, position };
  return { event: target(rows, event), link: event, position };
}

function target(rows: FileRows, { data }: StoredEvent): StoredEvent | undefined {
  if (data.length > MAX_LINK_BYTES) return undefined;
  const [, revision, stream] = LINK.exec(Buffer.from(data).toString('utf8')) ?? [];
  if (revision === undefined || stream === undefined) return undefined;
  if (rows.lastRevision(stream) === TOMBSTONE_REVISION) return undefined;
  return rows.at(stream, BigInt(revision));
}
