// The recordings of real servers: where they are, and what of them can be compared.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerVersion } from '../../../src/adapters/eventstore/front/server-version.ts';

export type Recording = Readonly<Record<string, unknown>>;

/** The recorded versions and the mode of the front that imitates each. */
export const VERSIONS: readonly (readonly [recorded: string, like: ServerVersion])[] = [
  ['23.10.6', '23.10'],
  ['24.6.0', '24.6'],
  ['24.10.9', '24.10'],
];

const folder = process.env['TOCSIN_TEST_DATA'];
export const recordings = folder === undefined ? undefined : join(folder, 'real-server');
export const hasRecordings = recordings !== undefined && existsSync(recordings);

export function readRecording(version: string, scenario: string): Recording {
  const path = join(recordings ?? '', version, `${scenario}.json`);
  return objectOf(JSON.parse(readFileSync(path, 'utf8')));
}

export function objectOf(value: unknown): Recording {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`expected an object in a recording, found ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(value));
}

export function rowsIn(value: unknown): Recording[] {
  if (!Array.isArray(value)) throw new TypeError('expected a list in a recording');
  return value.map(objectOf);
}

export function textIn(row: Recording, key: string): string {
  const value = row[key];
  if (typeof value !== 'string') throw new TypeError(`expected a text ${key} in a recording`);
  return value;
}

/** A case of a recording: what the server said, and what the front says. */
export type Case = { readonly name: string; readonly said: unknown; readonly got: unknown };

/** Times are compared in two classes: at once, and after the two seconds of a server's timeout. */
function timeClass(bucket: unknown): string {
  return bucket === '<2.5 s' || bucket === '<5 s' || bucket === '<15 s' ? 'late' : 'soon';
}

/** The same facts in the same words: runs of messages are written out, and times are classes. */
export function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((one) => expanded(one)).map(normalised);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => {
      if (one === undefined) return [];
      return [[key, key === 'within' ? timeClass(one) : normalised(one)]];
    }),
  );
}

/** A run such as `{"event": [1, 9], "step": 2, "times": 5}` as its messages. */
function expanded(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || !('times' in value)) return [value];
  const { times, step = 1, ...message } = objectOf(value);
  if (typeof times !== 'number' || typeof step !== 'number') return [value];
  const [kind] = 'event' in message ? ['event'] : 'checkpoint' in message ? ['checkpoint'] : [];
  if (kind === undefined) return [value];
  const of = kind === 'event' ? message : objectOf(message['checkpoint']);
  const range = of['event'];
  if (!Array.isArray(range) || typeof range[0] !== 'number') return [value];
  const from = range[0];
  return Array.from({ length: times }, (_, n) => {
    const event = from + n * step;
    return kind === 'event' ? { event } : { checkpoint: { ...of, event } };
  });
}

/** Whether the front said what the server said, in any order of keys. The recorder left out the middle of long lists. */
export function isSame(said: unknown, got: unknown): boolean {
  if (Array.isArray(said)) {
    if (!Array.isArray(got)) return false;
    const gap = said.findIndex(
      (one) => typeof one === 'object' && one !== null && 'leftOut' in one,
    );
    if (gap === -1)
      return said.length === got.length && said.every((one, n) => isSame(one, got[n]));
    const tail = said.slice(gap + 1);
    const isLong = got.length >= gap + tail.length;
    const head = said.slice(0, gap);
    return (
      isLong &&
      head.every((one, n) => isSame(one, got[n])) &&
      tail.every((one, n) => isSame(one, got[got.length - tail.length + n]))
    );
  }
  if (typeof said !== 'object' || said === null) return said === got;
  if (typeof got !== 'object' || got === null || Array.isArray(got)) return false;
  const [ours, theirs] = [objectOf(got), objectOf(said)];
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [...keys].every((key) => isSame(theirs[key], ours[key]));
}
