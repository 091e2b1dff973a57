// The recordings of real servers: where they are, and what of them can be compared.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Recording = Readonly<Record<string, unknown>>;

const folder = process.env['TOCSIN_TEST_DATA'];
export const recordings = folder === undefined ? undefined : join(folder, 'real-server');
export const hasRecordings = recordings !== undefined && existsSync(recordings);

/** What a replay has read of each object of a recording. */
const readKeys = new WeakMap<object, Set<PropertyKey>>();

function readOf(object: object): Set<PropertyKey> {
  const keys = readKeys.get(object) ?? new Set<PropertyKey>();
  readKeys.set(object, keys);
  return keys;
}

/** The same facts; what is read of them is noted for the object. */
function watched(facts: Recording, object: object): Recording {
  return new Proxy(facts, {
    get(target, key, receiver) {
      readOf(object).add(key);
      const value: unknown = Reflect.get(target, key, receiver);
      return value;
    },
  });
}

/** A recording, and what of it no replay has looked at: whole parts by name, and single rows of the parts that were. */
export function readRecording(version: string, scenario: string) {
  const path = join(recordings ?? '', version, `${scenario}.json`);
  const whole = objectOf(JSON.parse(readFileSync(path, 'utf8')));
  const recording = watched(whole, whole);
  const unread = (): Unread[] =>
    Object.entries(whole).flatMap(([part, value]) => {
      // Texts and numbers explain the rest; so do the log that the requests made, and the place that all start from.
      if (typeof value !== 'object' || part === 'log' || part === 'from') return [];
      if (!readOf(whole).has(part)) return [{ part, row: {} }];
      // A list with texts among its entries is one answer.
      if (!Array.isArray(value) || !value.every((row) => typeof row === 'object')) return [];
      return rowsIn(value, isRead).map((row) => ({ part, row }));
    });
  return { recording, unread };
}

function isRead(row: object): boolean {
  return readOf(row).size > 0;
}

export type Unread = { readonly part: string; readonly row: Recording };

export function objectOf(value: unknown): Recording {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`expected an object in a recording, found ${JSON.stringify(value)}`);
  }
  return Object.fromEntries(Object.entries(value));
}

/** @param leftOut which rows to leave out */
export function rowsIn(
  value: unknown,
  leftOut: (row: object) => boolean = () => false,
): Recording[] {
  if (!Array.isArray(value)) throw new TypeError('expected a list in a recording');
  const rows: readonly unknown[] = value;
  return rows.flatMap((row) => {
    const facts = objectOf(row);
    if (typeof row !== 'object' || row === null) return [];
    return leftOut(row) ? [] : [watched(facts, row)];
  });
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

/** How many messages a recorded reader got, and whether its call ended. */
export function expectedMessages(said: unknown): {
  readonly count: number;
  readonly ends: boolean;
} {
  const { messages, end } = objectOf(said);
  const list = normalised(messages);
  return {
    count: Array.isArray(list) ? list.length : 0,
    ends: typeof end === 'object' && end !== null && 'code' in end,
  };
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
