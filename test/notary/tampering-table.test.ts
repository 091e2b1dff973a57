// docs/audit.md says by which name verify finds each kind of tampering, and what nothing inside can find. Each kind is
// tried on a real run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { SchemaFault } from '../../src/projections/audit/reading/ports.ts';
import { HeadCheck, type HeadWitness } from '../../src/projections/audit/verify/head-check.ts';
import { Findings } from '../../src/projections/audit/verify/mismatches.ts';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { HEAD_FORMAT } from '../../src/projections/notary/head.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { verified } from '../support/audited.ts';
import { logOf, realRun } from './real-run.support.ts';
import { KINDS } from './tampering-kinds.support.ts';

const world = await realRun();
const log = await logOf(world);
const leaves = log.map(leafOf);

afterAll(() => world[Symbol.asyncDispose]());

function witness(): HeadWitness {
  const tree = new Frontier();
  for (const leaf of leaves) tree.add(leaf);
  const root = Buffer.from(tree.root()).toString('hex');
  const about = { store: crypto.randomUUID(), position: '1/1', time: '2026-01-01T00:00:00.000Z' };
  const size = leaves.length;
  return {
    heads: [{ format: HEAD_FORMAT, ...about, size, root, key: 'ab'.repeat(32), signature: '' }],
    leafAt: (n) => leaves[n],
  };
}

/** What a reader of a state file says of it after some SQL. */
function faultsAfter(sql: string): readonly SchemaFault[] {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tampering-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'state.db');
  sqliteReadModel({ file })[Symbol.dispose]();
  const faults = () => {
    using reader = openReadModelReader(file);
    return reader.schemaFaults?.() ?? [];
  };
  expect(faults()).toEqual([]);
  using db = new DatabaseSync(file);
  db.exec(sql);
  return faults();
}

function withHead(changed: readonly RecordedEvent[]): string | undefined {
  const findings = new Findings();
  const check = new HeadCheck(witness(), findings);
  check.see(changed);
  check.end();
  return findings.listed[0]?.code;
}

describe('tampering with a real run', () => {
  it('is absent at first', async () => {
    expect((await verified(world)).mismatches).toEqual([]);
    expect(withHead(log)).toBeUndefined();
  });

  it.each(KINDS)(
    'is found as the table says: $kind',
    async ({ log: change, others, sql, ...kind }) => {
      const changed = change?.(log) ?? log;
      if (change !== undefined) expect(changed).not.toEqual(log);
      const schemaFaults = sql === undefined ? [] : faultsAfter(sql);
      const tampering = { ...others, schemaFaults, log: () => [...changed] };
      const { mismatches } = await verified(world, tampering);
      expect(mismatches[0]?.code ?? null).toBe(kind.without);
      if (change !== undefined) expect(withHead(changed)).toBe(kind.with);
    },
  );
});

/** The rows of the tables below a heading of docs/audit.md. */
function documented(heading: string): readonly string[] {
  const text = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8');
  const section = text.split(`\n### ${heading}\n`)[1]?.split(/\n###? /)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .join(' | ')
      .trim(),
  );
}

describe('the tables of docs/audit.md', () => {
  it('have at least fifty kinds', () => {
    expect(new Set(KINDS.map(({ kind }) => kind)).size).toBe(KINDS.length);
    expect(KINDS.length).toBeGreaterThanOrEqual(50);
  });

  it('say for each kind by which name it is found, without a head and with one', () => {
    const expected = KINDS.filter(({ without }) => without !== null).map(
      (kind) =>
        `| ${kind.kind} | \`${kind.without ?? ''}\` | \`${kind.with ?? kind.without ?? ''}\` |`,
    );
    expect(documented('What verify finds')).toEqual(expected);
  });

  it('say for each kind that is not found without a head why nothing inside can find it', () => {
    const expected = KINDS.filter(({ without }) => without === null).map(
      (kind) => `| ${kind.kind} | \`${kind.with ?? ''}\` | ${kind.why ?? ''} |`,
    );
    expect(documented('What verify finds only with a head')).toEqual(expected);
  });
});
