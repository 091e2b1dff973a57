// docs/read-model.md describes the tables of the file, and its queries run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqliteReadModel, type SqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import {
  batchUpTo,
  commitOf,
  sentNotificationOf,
  parkedOf,
  verdictOf,
} from '../contracts/read-model.fixtures.ts';

const document = readFileSync(new URL('../../docs/read-model.md', import.meta.url), 'utf8');
const queries = [...document.matchAll(/\n(?<title>[^\n]+)\n\n```sql\n(?<sql>.+?)```/gs)].map(
  ({ groups }) => ({ title: groups?.['title'] ?? '', sql: groups?.['sql'] ?? '' }),
);
const tables = [...document.matchAll(/^### `(\w+)`$/gm)].map(([, name]) => name ?? '');

let directory: string;
let model: SqliteReadModel;
let db: DatabaseSync;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tocsin-read-model-'));
  const file = join(directory, 'state.db');
  model = sqliteReadModel({ file });
  model.commit(batchUpTo(30n));
  model.commit(
    commitOf(30n, {
      sentNotifications: [sentNotificationOf()],
      verdicts: [verdictOf('r1', { position: { commit: 1_500n, prepare: 1_500n } })],
      parked: [parkedOf('r2')],
    }),
  );
  // As the document tells its readers to: beside the owner, without write access.
  db = new DatabaseSync(file, { readOnly: true });
});

afterAll(() => {
  db.close();
  model[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
});

const column = (sql: string, name: string): readonly string[] =>
  db
    .prepare(sql)
    .all()
    .map((row) => String(row[name]));

describe('docs/read-model.md', () => {
  test('names every table and view of the file', () => {
    const schema = (type: string): readonly string[] =>
      column(`SELECT name FROM sqlite_schema WHERE type = '${type}' ORDER BY name`, 'name');
    expect(tables.toSorted()).toEqual(schema('table'));
    for (const name of [...schema('view'), ...schema('index').filter(isNamed)]) {
      if (name !== 'verdicts_parked') expect(document).toContain(`\`${name}\``);
    }
  });

  test.each(tables)('describes the columns of %s, in their order and with their types', (table) => {
    const section = document.split(`### \`${table}\`\n`)[1]?.split('\n### ')[0] ?? '';
    const described = [...section.matchAll(/^\| `(\w+)` *\| (\w+) *\|/gm)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    expect(described).toEqual(
      column(
        `SELECT name || ' ' || type AS described FROM pragma_table_info('${table}')`,
        'described',
      ),
    );
  });

  test('says which format it is about', () => {
    const [version] = column('PRAGMA user_version', 'user_version');
    const [application] = column('PRAGMA application_id', 'application_id');
    expect(document).toContain(`\`PRAGMA user_version\`, now ${version}`);
    expect(document).toContain(`\`PRAGMA application_id\` is ${application}`);
  });

  test('has queries', () => {
    expect(queries.length).toBeGreaterThanOrEqual(5);
  });

  test.each(queries)('$title', ({ title, sql }) => {
    const rows = db.prepare(sql).all();
    expect(rows.length).toBeGreaterThan(0);
    const plan = column(`EXPLAIN QUERY PLAN ${sql}`, 'detail').join('\n');
    if (title.includes('Uses the index')) {
      expect(plan).toContain('USING INDEX');
      expect(plan).not.toContain('SCAN');
    }
  });

  test('shows instants as text in the views', () => {
    const row = db.prepare("SELECT * FROM sent_notifications_view WHERE id = 'notice-1'").get();
    expect(row).toMatchObject({
      window_start: '2026-04-30T02:00:00.000Z',
      requested_at: '2026-04-30T02:17:42.123Z',
      recorded_at: '2026-04-30T02:17:42.128Z',
    });
    expect(db.prepare("SELECT * FROM verdicts_view WHERE event = 'r1'").get()).toMatchObject({
      position: '1500/1500',
      window_start: '2026-04-30T02:17:42.123Z',
    });
  });
});

function isNamed(index: string): boolean {
  return !index.startsWith('sqlite_autoindex');
}
