// The application's own SQLite file: its tasks, and its raise requests for the relay.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RaiseInput, RaiseSource } from '../src/index.ts';

export type Task = { readonly id: string; readonly userId: number; readonly title: string };

export type Tasks = Disposable & {
  readonly create: (task: Omit<Task, 'id'>) => Task;
  /** A repeat changes nothing; `undefined` for a missing task. */
  readonly complete: (id: string) => Task | undefined;
  readonly listRequests: () => unknown[];
  /** The requests that the relay reads. */
  readonly requests: RaiseSource;
};

export function openTasks(file: string): Tasks {
  mkdirSync(dirname(file), { recursive: true });
  const db = new DatabaseSync(file);
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS tasks (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      user_id INTEGER NOT NULL, title TEXT NOT NULL, completed INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS raise_requests (
      id INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: it makes the idempotency key
      input TEXT NOT NULL, result TEXT)`);

  const write = <T>(work: () => T): T => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  };
  const request = (triggerType: string, { id, userId }: Task): void => {
    const input: RaiseInput = {
      userId,
      triggerType,
      source: 'api_trigger',
      targetType: 'task_item',
      targetId: id,
      requestedAt: new Date().toISOString(),
    };
    db.prepare('INSERT INTO raise_requests (input) VALUES (?)').run(JSON.stringify(input));
  };

  return {
    create: ({ userId, title }) =>
      write(() => {
        const insert = db.prepare('INSERT INTO tasks (user_id, title) VALUES (?, ?)');
        const task = { id: String(insert.run(userId, title).lastInsertRowid), userId, title };
        request('important_urgent_task', task);
        return task;
      }),

    complete: (id) =>
      write(() => {
        const row = db.prepare('SELECT * FROM tasks WHERE id = ?').get(id);
        if (row === undefined) return undefined;
        const task = { id, userId: Number(row['user_id']), title: String(row['title']) };
        const update = db.prepare('UPDATE tasks SET completed = 1 WHERE id = ? AND completed = 0');
        if (update.run(id).changes > 0) request('task_completed', task);
        return task;
      }),

    listRequests: () =>
      db.prepare('SELECT id, input, result FROM raise_requests ORDER BY id').all(),

    requests: {
      name: 'tasks',
      pending: (limit) =>
        db
          .prepare('SELECT id, input FROM raise_requests WHERE result IS NULL ORDER BY id LIMIT ?')
          .all(limit)
          .map(({ id, input }) => ({
            key: String(id),
            // We wrote it, and the kernel checks it again.
            input: JSON.parse(String(input)) as RaiseInput,
          })),
      settled: (results) => {
        write(() => {
          const update = db.prepare(
            'UPDATE raise_requests SET result = ? WHERE id = ? AND result IS NULL',
          );
          for (const { key, result } of results) update.run(result.outcome, key);
        });
      },
    },

    [Symbol.dispose]: () => {
      db.close();
    },
  };
}
