import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { sqliteReadModel, temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { describe, expect, test } from 'vitest';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import { readModelOwnershipSuite } from '../contracts/read-model.ownership.suite.ts';
import { readModelSuite } from '../contracts/read-model.suite.ts';
import { batchUpTo, type ReadModelHarness } from '../contracts/read-model.fixtures.ts';

function inMemory(): ReadModelHarness {
  const store = memoryReadModelStore();
  return {
    open: store.open,
    takeOver: () => void store.open(),
    [Symbol.dispose]: () => undefined,
  };
}

function inFile(): ReadModelHarness {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-read-model-'));
  const file = join(directory, 'state.db');
  return {
    open: () => sqliteReadModel({ file, owner: 'the suite' }),
    takeOver() {
      const db = new DatabaseSync(file);
      db.exec("UPDATE checkpoint SET owner = 'somebody else'");
      db.close();
    },
    [Symbol.dispose]() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

for (const suite of [readModelSuite, readModelOwnershipSuite]) {
  suite('in memory', inMemory);
  suite('in a SQLite file', inFile);
}

describe('a temporary read model', () => {
  test('holds what one on disk would, for itself alone', () => {
    using one = temporaryReadModel();
    using other = temporaryReadModel();
    const reference = memoryReadModelStore().open();
    for (const sequence of [30n, 60n, 90n]) {
      one.commit(batchUpTo(sequence));
      reference.commit(batchUpTo(sequence));
    }
    expect(snapshotOf(one)).toEqual(reference.snapshot());
    expect([...one.dedupeKeys()]).toEqual([...reference.dedupeKeys()]);
    expect(other.checkpoint()).toBeUndefined();
    one.reset();
    expect(one.checkpoint()).toBeUndefined();
  });
});
