// Resolves links as a server does: an event of type `$>` whose data are `revision@stream`.
import type { FileRows, StoredEvent } from '../embedded/rows.ts';
import type { OutgoingEvent } from './event-frames.ts';
import { isVisible, streamView } from './stream-view.ts';

const LINK_TYPE = '$>';
/** The longest link: a revision, an @ and a stream name within its limit. */
const MAX_LINK_BYTES = 2_048;
/** As .NET reads a number: with a sign, and with spaces around it. */
const LINK = /^\s*([+-]?\d+)\s*@(.*)$/s;
const MAX_INT64 = 2n ** 63n - 1n;
/** A link to this revision leads to the stream's last event. */
const LAST = -1n;

/** The event; of a link, the link with its target, without one when the target is gone or hidden. */
export function resolveLink(rows: FileRows, event: StoredEvent): OutgoingEvent {
  const { position } = event;
  const link = event.type === LINK_TYPE ? readLink(event) : undefined;
  if (link === undefined) return { event, link: undefined, position };
  return { event: target(rows, link), link: event, position };
}

type Link = { readonly revision: bigint; readonly stream: string };

/** `undefined` for data that are no link: the event is then sent as any other. */
function readLink({ data }: StoredEvent): Link | undefined {
  if (data.length > MAX_LINK_BYTES) return undefined;
  const [, digits, stream] = LINK.exec(Buffer.from(data).toString('utf8')) ?? [];
  if (digits === undefined || stream === undefined) return undefined;
  const revision = BigInt(digits.replace('+', ''));
  return revision > MAX_INT64 || revision < -MAX_INT64 - 1n ? undefined : { revision, stream };
}

function target(rows: FileRows, { revision, stream }: Link): StoredEvent | undefined {
  const view = streamView(rows, stream, Date.now());
  if (view.state !== 'there') return undefined;
  const found = rows.at(stream, revision === LAST ? view.last : revision);
  return found !== undefined && isVisible(view, found) ? found : undefined;
}
