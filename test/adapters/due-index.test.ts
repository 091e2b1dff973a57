import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { dueIndexSuite } from '../contracts/due-index.suite.ts';

dueIndexSuite('in memory', () => ({
  open: memoryDueIndexStore().open,
  [Symbol.dispose]: () => undefined,
}));

dueIndexSuite('in a SQLite file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-due-'));
  return {
    open: (storeId) => sqliteDueIndexes({ file: join(directory, 'due.db'), storeId }),
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true });
    },
  };
});

describe('the file of due indexes', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tocsin-due-'));
    file = join(directory, 'due.db');
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  test('has one owner, who is named to the second', () => {
    using _first = sqliteDueIndexes({ file, storeId: 's', owner: 'the first worker' });
    expect(() => sqliteDueIndexes({ file, storeId: 's' })).toThrow(/the first worker/);
  });

  test('is left alone when it is no due index', () => {
    writeFileSync(file, 'a letter to my mother, long enough to be read as a header of something');
    expect(() => sqliteDueIndexes({ file, storeId: 's' })).toThrow(/not a Tocsin|not a SQLite/);
  });

  test('is made anew when an earlier version wrote it', () => {
    {
      using old = new DatabaseSync(file);
      old.exec(`
        CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL);
        CREATE TABLE places (name TEXT PRIMARY KEY, position_commit INTEGER NOT NULL,
          position_prepare INTEGER NOT NULL, last_event TEXT, last_stream TEXT, last_revision INTEGER);
        CREATE TABLE due (name TEXT NOT NULL, key TEXT NOT NULL, stream TEXT NOT NULL,
          due_at INTEGER NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
        CREATE INDEX due_by_time ON due (name, due_at, key, stream);
        INSERT INTO log VALUES (1, 's');
        INSERT INTO places VALUES ('jobs.1', 5, 5, NULL, NULL, NULL);
        INSERT INTO due VALUES ('jobs.1', 'a', 'stream of a', 1);
        PRAGMA application_id = 1415799925; PRAGMA user_version = 1`);
    }
    for (const expected of [0, 1]) {
      using indexes = sqliteDueIndexes({ file, storeId: 's' });
      const index = indexes.open('jobs.1');
      expect([index.count(), index.position() === undefined]).toEqual([expected, expected === 0]);
      const put = [{ key: 'a', stream: 'a', dueAt: 1, rank: 1 as const }];
      index.commit({ position: { commit: 1n, prepare: 1n }, put, remove: [] });
    }
  });

  test('answers for a hundred thousand rows without reading them all', () => {
    using indexes = sqliteDueIndexes({ file, storeId: 's' });
    const index = indexes.open('jobs.1');
    const rows = 100_000;
    const put = Array.from({ length: rows }, (_, n) => ({
      key: `key-${n}`,
      stream: `tocsin.duejob-00-${n}`,
      dueAt: rows - n,
      rank: 0 as const,
    }));
    index.commit({ position: { commit: 1n, prepare: 1n }, put, remove: [] });
    for (let round = 0; round < 200; round += 1) {
      expect(index.due(0, rows, 2, new Set(['key-99999']))).toEqual([put[99_998], put[99_997]]);
      expect(index.next(0, new Set(['key-99999']))).toBe(2);
    }
    expect(index.count()).toBe(rows);
  });
});
