// Metadata of a stream that hide its events. A server hides such events from reads of the stream at once, keeps
// counting their revisions, and removes the events from the log at the next scavenge.
import { TocsinError } from '../core/errors.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import { isUnreadable } from '../core/recorded-event.ts';
import { unlessAborted } from '../core/signals.ts';
import type { EventStore } from './event-store.ts';

type StreamReader = Pick<EventStore, 'readStream'>;

const METADATA = '$$';

const HIDING = ['$maxCount', '$maxAge', '$tb'] as const;

/** The keys of a stream's metadata that hide events, with their values, such as `$maxCount 1`. */
export async function hidingMetadata(
  store: StreamReader,
  stream: string,
): Promise<readonly string[]> {
  return hidingKeys(await lastData(store, `${METADATA}${stream}`));
}

/** A stream with such keys. */
export type HiddenStream = { readonly stream: string; readonly keys: readonly string[] };

/**
 * The streams of a kernel whose metadata hide events, the latest metadata first. Reads the log backwards until the signal
 * is raised, so a later part of a long log may be left out.
 *
 * @param most how many streams are named at most
 */
export async function hiddenStreams(
  store: Pick<EventStore, 'readAll'>,
  kernel: string,
  most: number,
  signal: AbortSignal,
): Promise<readonly HiddenStream[]> {
  const found: HiddenStream[] = [];
  const seen = new Set<string>();
  const prefixes = [`${METADATA}${kernel}.`];
  const pages = store.readAll({ direction: 'backwards', prefixes })[Symbol.asyncIterator]();
  try {
    while (found.length < most) {
      const next = await unlessAborted(pages.next(), signal, () => undefined);
      if (next === undefined || next.done === true) break;
      for (const { stream, data } of next.value) {
        if (seen.has(stream)) continue;
        seen.add(stream);
        const keys = isUnreadable(data) ? [] : hidingKeys(data);
        if (keys.length > 0) found.push({ stream: stream.slice(METADATA.length), keys });
      }
    }
  } finally {
    // A read that waits for its answer ends when it has one, or with the store.
    pages.return?.().catch(() => undefined);
  }
  return found.slice(0, most);
}

function hidingKeys(metadata: Json | undefined): readonly string[] {
  if (!isJsonObject(metadata)) return [];
  // Servers ignore values that are no positive whole numbers.
  return HIDING.flatMap((key) => {
    const value = metadata[key];
    return typeof value === 'number' && value > 0 ? [`${key} ${value}`] : [];
  });
}

/** The data of a stream's last event; `undefined` when there is none. */
export async function lastData(store: StreamReader, stream: string): Promise<Json | undefined> {
  for await (const [last] of store.readStream(stream, { direction: 'backwards', maxCount: 1 })) {
    return last === undefined || isUnreadable(last.data) ? undefined : last.data;
  }
  return undefined;
}

/** @throws TocsinError `stream_hidden` when metadata hide events of the stream */
export async function assertNotHidden(store: StreamReader, stream: string): Promise<void> {
  const found = await hidingMetadata(store, stream);
  if (found.length > 0) throw hiddenError(stream, found);
}

/** The error of a stream whose first events cannot be read. */
export async function streamHidden(store: StreamReader, stream: string): Promise<TocsinError> {
  return hiddenError(stream, await hidingMetadata(store, stream));
}

function hiddenError(stream: string, found: readonly string[]): TocsinError {
  const cause = found.length === 0 ? 'it was deleted, or its metadata changed' : found.join(', ');
  const message = `events of ${stream} are hidden by its metadata (${cause})`;
  return new TocsinError('refused', 'stream_hidden', message, {
    hint:
      `Remove $maxCount, $maxAge and $tb from the metadata of ${stream} before the server scavenges: hidden events can be ` +
      'read again then. After a scavenge restore a backup. No stream of Tocsin may have these keys.',
  });
}
