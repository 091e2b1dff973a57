// The metadata of a stream: which of its events its readers see, and how a deletion is written, as EventStoreDB does it.
import { isJsonObject, parseJsonText } from '../../../domain/core/json.ts';

/** What the metadata of a stream hide. Absent for values that a server ignores. */
export type StreamMetadata = {
  readonly maxCount?: number;
  readonly maxAgeSeconds?: number;
  /** Events below this revision are hidden. */
  readonly truncateBefore?: number;
};

/** `$tb` of a deleted stream, and the number that it is read as: no double holds 2^63 - 1. */
const DELETED_TEXT = '9223372036854775807';
const DELETED = 2 ** 63;

/** All metadata of a stream that was deleted softly. */
export const DELETED_METADATA = `{"$tb":${DELETED_TEXT}}`;

export const METADATA_TYPE = '$metadata';
export const METADATA_STREAM_PREFIX = '$$';

/** The stream that holds a stream's metadata. */
export function metadataStream(stream: string): string {
  return METADATA_STREAM_PREFIX + stream;
}

/** The stream whose metadata are in this one; `undefined` when this is no stream of metadata. */
export function streamOfMetadata(stream: string): string | undefined {
  return stream.startsWith(METADATA_STREAM_PREFIX)
    ? stream.slice(METADATA_STREAM_PREFIX.length)
    : undefined;
}

const KEYS = ['$maxCount', '$maxAge', '$tb'] as const;

/** A server takes metadata as none when they are no JSON object, or when one of these values is no integer. */
export function parseStreamMetadata(data: string | Uint8Array): StreamMetadata {
  const all = objectIn(data);
  for (const key of KEYS) {
    if (all[key] !== undefined && !Number.isInteger(all[key])) return {};
  }
  const above = (key: string, least: number): number | undefined => {
    const value = all[key];
    return typeof value === 'number' && value >= least ? value : undefined;
  };
  const maxCount = above('$maxCount', 1);
  const maxAgeSeconds = above('$maxAge', 1);
  const truncateBefore = above('$tb', 0);
  return {
    ...(maxCount !== undefined && { maxCount }),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(truncateBefore !== undefined && { truncateBefore }),
  };
}

export function isDeleted({ truncateBefore }: StreamMetadata): boolean {
  return truncateBefore !== undefined && truncateBefore >= DELETED;
}

/** The metadata of a deleted stream that is written again from `revision` on: its older events stay hidden. */
export function truncatedMetadata(data: string | Uint8Array, revision: bigint): string {
  // Not through JSON.stringify: a revision is a bigint.
  const { $tb: _, ...others } = objectIn(data);
  const rest = JSON.stringify(others).slice(1, -1);
  return `{${rest === '' ? '' : `${rest},`}"$tb":${revision}}`;
}

function objectIn(data: string | Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = parseJsonText(typeof data === 'string' ? data : Buffer.from(data).toString());
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
