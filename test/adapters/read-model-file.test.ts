// What only the read model on disk can do: be shared with readers, filled up, broken and mistaken.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import type { SentNotification } from '../../src/projections/read-model.ts';
import {
  batchUpTo,
  checkpointAt,
  commitOf,
  sentNotificationOf,
} from '../contracts/read-model.fixtures.ts';
import { refusal, thrownBy } from '../support/refusals.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tocsin-read-model-'));
  file = join(directory, 'state.db');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A file with some batches in it that nobody has open. */
function filled(batches = 3): void {
  using model = sqliteReadModel({ file });
  for (let batch = 1; batch <= batches; batch += 1) model.commit(batchUpTo(BigInt(batch * 30)));
}

function snapshotIn(path: string) {
  using reader = openReadModelReader(path);
  return snapshotOf(reader);
}

/** A sent notification that runs `meanwhile` when the commit that holds it comes to it. */
function notificationWith(meanwhile: () => void): SentNotification {
  return {
    ...sentNotificationOf(),
    get id() {
      meanwhile();
      return 'notification-of-the-middle';
    },
  };
}

describe('readers beside the owner', () => {
  test('see what is committed and nothing of what is on its way', () => {
    using model = sqliteReadModel({ file });
    using reader = openReadModelReader(file);
    expect(reader.checkpoint()).toBeUndefined();
    model.commit(batchUpTo(30n));
    const before = snapshotOf(reader);
    expect(before.checkpoint).toEqual(checkpointAt(30n));
    let seen: unknown;
    const batch = batchUpTo(60n);
    model.commit({
      ...batch,
      sentNotifications: [
        ...batch.sentNotifications,
        notificationWith(() => (seen = snapshotOf(reader))),
      ],
    });
    expect(seen).toEqual(before);
    expect(reader.checkpoint()).toEqual(checkpointAt(60n));
    expect([...reader.dedupeKeys()]).toHaveLength(61);
  });

  test('see one state for as long as they want with a snapshot', () => {
    using model = sqliteReadModel({ file });
    model.commit(batchUpTo(30n));
    using reader = openReadModelReader(file, { snapshot: true });
    model.commit(batchUpTo(60n));
    expect(reader.checkpoint()).toEqual(checkpointAt(30n));
    expect([...reader.dedupeKeys()]).toHaveLength(30);
    expect([...reader.sentNotifications()]).toHaveLength(30);
  });

  test('read every row of tables that are longer than a page of theirs', () => {
    const count = 2_500;
    using model = sqliteReadModel({ file });
    model.commit(batchUpTo(BigInt(count), count));
    expect([...model.verdicts()].map((row) => row.sequence)).toEqual(
      Array.from({ length: count }, (_, index) => BigInt(index + 1)),
    );
  });

  test('cannot write', () => {
    filled();
    using reader = openReadModelReader(file);
    expect(reader).not.toHaveProperty('commit');
    expect(reader.lastRecentMessage()?.sequence).toBe(90n);
  });

  test('need a file that is there, and a read model in it', () => {
    expect(refusal(() => openReadModelReader(file))).toBe('usage file_unusable');
    writeFileSync(file, '');
    expect(refusal(() => openReadModelReader(file))).toBe('usage file_not_found');
  });

  test('leave the keys that the owner is listing alone while it commits', () => {
    using model = sqliteReadModel({ file });
    model.commit(batchUpTo(30n));
    let listed = 0;
    for (const line of model.dedupeKeys()) {
      expect(line).toContain('important_urgent_task');
      listed += 1;
      model.commit(
        commitOf(30n, { sentNotifications: [sentNotificationOf({ id: `late-${listed}` })] }),
      );
    }
    expect(listed).toBe(30);
    expect([...model.dedupeKeys()]).toHaveLength(60);
  });
});

describe('a commit that fails', () => {
  test('leaves nothing behind, and the next one goes through', () => {
    using model = sqliteReadModel({ file });
    model.commit(batchUpTo(30n));
    const before = snapshotOf(model);
    const fails = notificationWith(() => {
      throw new RangeError('half-way');
    });
    const batch = batchUpTo(60n);
    expect(() => {
      model.commit({ ...batch, sentNotifications: [...batch.sentNotifications, fails] });
    }).toThrow('half-way');
    expect(snapshotOf(model)).toEqual(before);
    model.commit(batch);
    expect(model.checkpoint()).toEqual(checkpointAt(60n));
  });

  test('says that the disk is full, keeps what was there, and goes on when there is room', () => {
    using model = sqliteReadModel({ file, maxPages: 60 });
    let sequence = 0n;
    const fill = (): void => {
      for (;;) {
        model.commit(batchUpTo(sequence + 30n));
        sequence += 30n;
      }
    };
    expect(refusal(fill)).toBe('unavailable state_full');
    expect(sequence).toBeGreaterThan(30n);
    expect(model.checkpoint()).toEqual(checkpointAt(sequence));
    expect(snapshotOf(model).sentNotifications).toHaveLength(Number(sequence));
    expect(refusal(fill)).toBe('unavailable state_full');
    model.reset();
    model.commit(batchUpTo(30n));
    expect(model.checkpoint()).toEqual(checkpointAt(30n));
  });

  test('says that another program keeps the file locked', () => {
    using model = sqliteReadModel({ file, busyTimeoutMs: 1 });
    model.commit(batchUpTo(30n));
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    expect(
      refusal(() => {
        model.commit(batchUpTo(60n));
      }),
    ).toBe('unavailable file_busy');
    other.exec('ROLLBACK');
    other.close();
    model.commit(batchUpTo(60n));
  });
});

describe('opening', () => {
  test('makes the file and its directory', () => {
    file = join(directory, 'var', 'tocsin', 'state.db');
    filled();
    using model = sqliteReadModel({ file });
    expect(model.checkpoint()).toEqual(checkpointAt(90n));
  });

  test('takes an empty file, and one that a crash left without tables', () => {
    writeFileSync(file, '');
    filled();
    const db = new DatabaseSync(join(directory, 'bare.db'));
    db.exec('PRAGMA journal_mode = WAL');
    db.close();
    using model = sqliteReadModel({ file: join(directory, 'bare.db') });
    expect(model.checkpoint()).toBeUndefined();
  });

  test.each(['', ':memory:', 'file:state.db?mode=memory'])('refuses %j as a file', (path) => {
    expect(refusal(() => sqliteReadModel({ file: path }))).toBe('usage file_unusable');
    expect(refusal(() => openReadModelReader(path))).toBe('usage file_unusable');
  });

  test('refuses a directory', () => {
    mkdirSync(file);
    expect(refusal(() => sqliteReadModel({ file }))).toBe('usage file_unusable');
  });

  test('refuses another application’s database and does not touch it', () => {
    const db = new DatabaseSync(file);
    db.exec('CREATE TABLE notifications (id TEXT)');
    db.close();
    expectRefused('refused file_foreign');
  });

  test('refuses what is no database and does not touch it', () => {
    writeFileSync(file, 'a shopping list, rather longer than a page of a database\n'.repeat(200));
    expectRefused('refused file_foreign');
  });

  test('reads a file of format 1 without counts per minute, and upgrades it for its owner', () => {
    filled();
    const before = snapshotIn(file);
    const db = new DatabaseSync(file);
    db.exec('DROP TABLE verdict_minutes; PRAGMA user_version = 1');
    db.close();
    expect(snapshotIn(file)).toEqual(before);
    using model = sqliteReadModel({ file });
    expect(snapshotOf(model)).toEqual(before);
    const minutes = [{ minute: 0, verdict: 'published', requests: 1 } as const];
    model.commit({ ...batchUpTo(120n), verdictMinutes: minutes });
    expect(model.verdictMinutes(0, 1)).toEqual(minutes);
  });

  test('refuses a newer format and does not touch it', () => {
    filled();
    const db = new DatabaseSync(file);
    db.exec('PRAGMA user_version = 3');
    db.close();
    expectRefused('refused file_newer', /newer version.*rebuilt from the log/s);
  });

  test.each([512, 4_096, 20_000, 40_000])('refuses a file that was cut to %i bytes', (length) => {
    filled();
    writeFileSync(file, readFileSync(file).subarray(0, length));
    expectRefused('refused file_damaged', /delete the file/);
  });

  test.each(['DELETE FROM checkpoint', "UPDATE checkpoint SET sequence = 'x'"])(
    'refuses a checkpoint that it did not write: %s',
    (sql) => {
      filled();
      const db = new DatabaseSync(file);
      db.exec(sql);
      db.close();
      expectRefused('refused file_damaged', /delete the file/);
    },
  );

  test('names damage when it comes upon it', () => {
    filled(10);
    const bytes = readFileSync(file);
    // Everything after the schema and the checkpoint.
    bytes.fill(0xa5, 4096 * 4);
    writeFileSync(file, bytes);
    const read = (): void => {
      using model = sqliteReadModel({ file });
      snapshotOf(model);
    };
    expect(refusal(read)).toBe('refused file_damaged');
  });

  test('refuses a second owner in the same process, whatever it calls the file', () => {
    using _model = sqliteReadModel({ file, owner: 'tocsin start' });
    copyFileSync(file, join(directory, 'standby.db'));
    const second = (): unknown => sqliteReadModel({ file: join(directory, '.', 'state.db') });
    expect(refusal(second)).toBe('refused read_model_in_use');
    expect(second).toThrow(/is in use by tocsin start \(process \d+ on /);
    expect(hintOf(second)).toContain('--state with another file');
    using standby = sqliteReadModel({ file: join(directory, 'standby.db') });
    expect(standby.checkpoint()).toBeUndefined();
  });

  test('leaves the file free when it fails', () => {
    writeFileSync(file, 'not a database at all, but long enough to be looked at'.repeat(9));
    expect(refusal(() => sqliteReadModel({ file }))).toBe('refused file_foreign');
    rmSync(file);
    filled();
  });
});

function expectRefused(code: string, hint = /./): void {
  const before = readFileSync(file);
  const owner = (): unknown => sqliteReadModel({ file });
  expect(refusal(owner)).toBe(code);
  expect(hintOf(owner)).toMatch(hint);
  expect(
    refusal(() => {
      openReadModelReader(file).checkpoint();
    }),
  ).toBe(code);
  expect(readFileSync(file).equals(before)).toBe(true);
}

function hintOf(work: () => unknown): string {
  const error = thrownBy(work);
  return error === undefined ? '' : `${error.message} ${error.hint}`;
}
