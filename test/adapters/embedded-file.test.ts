import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';
import type { AppendResult, EventStore } from '../../src/domain/ports/event-store.ts';
import type { EventToAppend } from '../../src/domain/core/recorded-event.ts';
import {
  allForwards,
  anEvent,
  events,
  streamForwards,
  write,
} from '../../src/facade/contracts/event-store-support.ts';
import { rewriteEvents } from '../support/rewrite-events.ts';
import { codeOf, opened, temporaryFile } from './embedded.support.ts';

/** A closed store's file with a few events in it. */
async function aFile(): Promise<string> {
  const file = temporaryFile();
  const store = await opened(file);
  for (let n = 0; n < 5; n += 1) await write(store, `s${n}`, 'no_stream', events(20));
  await store[Symbol.asyncDispose]();
  return file;
}

function sql(file: string, text: string): void {
  using db = new DatabaseSync(file);
  db.exec(text);
}

/** Random text, which takes its size in the file. */
const sized = (bytes: number): EventToAppend =>
  anEvent(0, { data: { x: randomBytes(bytes / 2).toString('hex') } });

describe('a file that is not as an embedded store left it', () => {
  test('is refused and left unchanged when it is foreign, newer, older or damaged', async () => {
    const text = temporaryFile('notes.txt');
    writeFileSync(text, 'These are my notes. '.repeat(500));
    const foreign = temporaryFile();
    sql(foreign, 'CREATE TABLE theirs (a)');
    const newer = await aFile();
    sql(newer, 'PRAGMA user_version = 5');
    const older = await aFile();
    sql(older, 'PRAGMA user_version = 2');
    const cut = await aFile();
    truncateSync(cut, 3 * 4096);
    const stub = await aFile();
    truncateSync(stub, 700);
    const cases = [
      [text, 'refused file_foreign'],
      [foreign, 'refused file_foreign'],
      [newer, 'refused file_newer'],
      [older, 'refused file_older'],
      [cut, 'refused file_damaged'],
      [stub, 'refused file_damaged'],
    ] as const;
    for (const [file, expected] of cases) {
      const before = readFileSync(file);
      expect(await codeOf(() => opened(file))).toBe(expected);
      expect(await codeOf(() => embeddedReader(file))).toBe(expected);
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  test('is upgraded when it has format 3, and keeps its events', async () => {
    const file = await aFile();
    sql(file, 'DROP TABLE archived; PRAGMA user_version = 3');
    await using reader = embeddedReader(file);
    const events = async (log: Pick<EventStore, 'readAll'>): Promise<number> => {
      let count = 0;
      for await (const page of log.readAll({ direction: 'forwards', prefixes: [] })) {
        count += page.length;
      }
      return count;
    };
    const before = await events(reader);
    expect(before).toBeGreaterThan(0);
    const store = await opened(file);
    expect(await events(store)).toBe(before);
    await store[Symbol.asyncDispose]();
    using db = new DatabaseSync(file);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 4 });
  });

  test('is named in the error when it cannot be opened', async () => {
    const directory = temporaryFile('a-directory');
    mkdirSync(directory);
    expect(await codeOf(() => opened(directory))).toBe('usage file_unusable');
    expect(await codeOf(() => embeddedReader(temporaryFile()))).toBe('usage file_unusable');
    const empty = temporaryFile();
    writeFileSync(empty, '');
    expect(await codeOf(() => embeddedReader(empty))).toBe('usage file_not_found');
    await opened(empty);
  });

  test('returns bytes for data that are no JSON any more', async () => {
    const file = await aFile();
    const notUtf8Text = Buffer.from('7b2261223a22ff227d', 'hex');
    rewriteEvents(file, ({ revision }) => {
      if (revision === 1) return { data: Buffer.from('{"n":') };
      if (revision === 2) return { metadata: notUtf8Text };
      return revision === 3 ? { data: Buffer.from('{"n":"\uFFFD"}') } : undefined;
    });
    const [, broken, notUtf8, fine] = await streamForwards(await opened(file), 's2');
    expect(broken?.data).toEqual({ unreadable: new Uint8Array(Buffer.from('{"n":')) });
    expect(broken?.metadata).toEqual({ from: 'test' });
    expect(notUtf8?.metadata).toEqual({
      unreadable: new Uint8Array(notUtf8Text),
    });
    expect(fine?.data).toEqual({ n: '\uFFFD' });
  });
});

test('positions count bytes, so the next position is never just +1', async () => {
  const store = await opened(temporaryFile());
  await write(store, 'a', 'no_stream', events(5));
  const places = (await allForwards(store)).map(({ position }) => position);
  for (const [n, { commit, prepare }] of places.entries()) {
    expect(commit).toBe(prepare);
    expect(commit - (places[n - 1]?.commit ?? 0n)).toBeGreaterThan(20n);
  }
});

describe('appends that share a commit', () => {
  test('are independent: conflicts and refusals do not affect the others', async () => {
    const store = await opened(temporaryFile());
    await write(store, 'old', 'no_stream', events(1));
    const results = await Promise.all([
      store.append('a', 'no_stream', events(2)),
      store.append('old', 'no_stream', events(1)),
      store.append('a', 1n, events(1)),
      store.append('b', 5n, events(1)),
      store.append('$c', 'no_stream', events(1)),
      store.append('d', 'no_stream', events(3)),
      store.append('a', 1n, events(1)),
    ]);
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'appended',
      'conflict',
      'appended',
      'conflict',
      'refused',
      'appended',
      'conflict',
    ]);
    expect(await allForwards(store)).toHaveLength(7);
  });

  test('are written except one that does not fit on the disk', async () => {
    const store = await opened(temporaryFile(), 60);
    const small = await Promise.all([
      store.append('a', 'no_stream', [sized(1_000)]),
      store.append('b', 'no_stream', [sized(500_000)]),
      store.append('c', 'no_stream', [sized(1_000)]),
    ]);
    expect(small.map(reasonOf)).toEqual(['appended', 'storage_full', 'appended']);
    expect((await allForwards(store)).map(({ stream }) => stream)).toEqual(['a', 'c']);
  });

  test('are stored when answered and not stored when refused on a full disk', async () => {
    const file = temporaryFile();
    const store = await opened(file, 60);
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, n) => store.append(`s${n}`, 'no_stream', [sized(3_000)])),
    );
    const reasons = results.map(reasonOf);
    expect(new Set(reasons)).toEqual(new Set(['appended', 'storage_full']));
    const written = reasons.flatMap((reason, n) => (reason === 'appended' ? [`s${n}`] : []));
    expect((await allForwards(store)).map(({ stream }) => stream)).toEqual(written);
    await store[Symbol.asyncDispose]();
    // With room again the same file takes more.
    const more = await opened(file);
    await write(more, 'more', 'no_stream', [sized(500_000)]);
    expect(await allForwards(more)).toHaveLength(written.length + 1);
  });
});

function reasonOf(result: AppendResult): string {
  return result.outcome === 'refused' ? result.reason : result.outcome;
}
