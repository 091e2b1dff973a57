// A host with a table of its own, and requests to raise beside it, in one SQLite file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import type { RaiseSource, SettledRaise } from '../../src/kernel/relay/raise-source.ts';

export type Host = Disposable & {
  readonly source: RaiseSource;
  /** Writes a task and a request to raise in one transaction; `fails` rolls both back. */
  readonly addTask: (input: RaiseInput, options?: { readonly fails?: boolean }) => void;
  readonly tasks: () => number;
  /** The first outcome of each request, oldest request first; null while it is pending. */
  readonly outcomes: () => (string | null)[];
  readonly results: () => SettledRaise['result'][];
  /** All results that `settled` got, in order. */
  readonly settledResults: SettledRaise[];
};

export function sqliteHost(name = 'tasks'): Host {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-relay-'));
  const db = new DatabaseSync(join(folder, 'host.db'));
  // Crashes are thrown errors here, no power failures, so syncing to disk is not needed.
  db.exec(`
    PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;
    CREATE TABLE tasks (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL);
    CREATE TABLE requests (
      id INTEGER PRIMARY KEY AUTOINCREMENT, input TEXT NOT NULL, result TEXT)`);
  const settledResults: SettledRaise[] = [];
  const column = (sql: string): unknown[] =>
    db
      .prepare(sql)
      .all()
      .map((row) => row['value']);
  const results = (): (SettledRaise['result'] | null)[] =>
    column('SELECT result AS value FROM requests ORDER BY id').map((text) =>
      typeof text === 'string' ? (JSON.parse(text) as SettledRaise['result']) : null,
    );
  return {
    settledResults,
    source: {
      name,
      pending: (limit) =>
        db
          .prepare('SELECT id, input FROM requests WHERE result IS NULL ORDER BY id LIMIT ?')
          .all(limit)
          .map(({ id, input }) => ({
            key: String(id),
            input: JSON.parse(String(input)) as RaiseInput,
          })),
      settled(settled) {
        settledResults.push(...settled);
        const update = db.prepare('UPDATE requests SET result = ? WHERE id = ? AND result IS NULL');
        transaction(db, () => {
          for (const { key, result } of settled) update.run(asText(result), key);
        });
      },
    },
    addTask(input, { fails = false } = {}) {
      transaction(db, () => {
        db.prepare('INSERT INTO tasks (owner) VALUES (?)').run(String(input.userId));
        db.prepare('INSERT INTO requests (input) VALUES (?)').run(JSON.stringify(input));
        if (fails) throw new Error('the host thought again');
      });
    },
    tasks: () => column('SELECT id AS value FROM tasks').length,
    outcomes: () => results().map((result) => result?.outcome ?? null),
    results: () => results().filter((result) => result !== null),
    [Symbol.dispose]() {
      db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function asText(result: SettledRaise['result']): string {
  return JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

function transaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}
