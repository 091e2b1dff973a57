// Compares the tables, indexes, views and triggers of a file with those that its format makes. A trigger changes what
// the projector writes; without an index, a lookup can miss rows.
import type { DatabaseSync } from 'node:sqlite';
import type { SchemaFault } from '../../projections/audit/reading/ports.ts';

const SCHEMA = `SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`;

/**
 * @param fresh a database with the schema of the format
 * @param optional statements that make parts which a file may have
 */
export function schemaFaults(
  db: DatabaseSync,
  fresh: DatabaseSync,
  optional: readonly string[],
): readonly SchemaFault[] {
  const expected = partsOf(fresh);
  for (const statement of optional) fresh.exec(statement);
  const allowed = partsOf(fresh);
  const found = partsOf(db);
  const faults: SchemaFault[] = [];
  for (const [where, sql] of found) {
    const own = allowed.get(where);
    if (own === undefined)
      faults.push({ where, detail: `the projector makes none: ${shown(sql)}` });
    else if (own !== sql) faults.push({ where, detail: `${shown(sql)}, not ${shown(own)}` });
  }
  for (const where of expected.keys())
    if (!found.has(where)) faults.push({ where, detail: 'the file does not have it' });
  return faults;
}

function partsOf(db: DatabaseSync): ReadonlyMap<string, string> {
  const rows = db.prepare(SCHEMA).all();
  return new Map(
    rows.map(({ type, name, sql }) => [
      `${String(type)} ${String(name)}`,
      String(sql).replace(/\s+/g, ' ').replace(' IF NOT EXISTS', '').trim(),
    ]),
  );
}

function shown(sql: string): string {
  return sql.length <= 200 ? sql : `${sql.slice(0, 200)}…`;
}
