// After `forget` and after a channel was replaced or removed, no file has the bytes of what was shredded; while a
// reader keeps them, the commands fail.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { testCli, type Cli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';

const USER = ['--user', '42'];

async function world(cli: Cli) {
  const env = {
    TOCSIN_VAULT: cli.path('var/vault.db'),
    TOCSIN_VAULT_KEY: randomBytes(32).toString('base64'),
  };
  const file = cli.path('lines.ndjson');
  const line = { ...JSON.parse(raiseLine(42)), payload: { title: 'canary of a title' } } as object;
  writeFileSync(file, `${JSON.stringify(line)}\n`);
  const call = (...args: readonly string[]) => cli.call(args, { env });
  const put = (key: string) =>
    cli.call(['channel', 'put', ...USER], {
      env: { ...env, TOCSIN_CHANNEL_URL: `https://www.feishu.cn/flow/api/trigger-webhook/${key}` },
    });
  await call('raise', '--file', file);
  await put('canaryabcdefghijkl');
  await call('token', 'create', '--for', 'canary of a telephone', ...USER);
  const vault = cli.path('var/vault.db');
  return { call, put, boxes: () => boxesOf(vault), reader: () => readerOf(vault) };
}

/** The ciphertexts in the vault, except of its own records. */
function boxesOf(file: string): readonly Buffer[] {
  using db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare("SELECT box FROM secrets WHERE name NOT LIKE ':%'").all();
  return rows.map(({ box }) => Buffer.from(box instanceof Uint8Array ? box : []));
}

/** As a backup: a transaction that reads an earlier state. */
function readerOf(file: string): Disposable {
  const db = new DatabaseSync(file, { readOnly: true });
  db.exec('BEGIN');
  db.prepare('SELECT count(*) FROM secrets').get();
  return db;
}

/** True when any file of the folder has a part of it. */
function hasPart(cli: Cli, secret: Buffer): boolean {
  const files = readdirSync(cli.folder, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && entry.name !== 'lines.ndjson')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .some(
      (bytes) => bytes.includes(secret.subarray(0, 24)) || bytes.includes(secret.subarray(-24)),
    );
}

describe('tocsin forget', () => {
  test('leaves no byte of the key and the secrets in any file', async () => {
    await using cli = testCli();
    const { call, boxes } = await world(cli);
    const shredded = boxes();
    expect(shredded.map((box) => hasPart(cli, box))).toEqual([true, true]);
    expect(await call('forget', ...USER)).toMatchObject({
      code: 0,
      document: { keyShredded: true, channelsRemoved: 1, tokensRevoked: 1, readable: 0 },
    });
    expect(shredded.map((box) => hasPart(cli, box))).toEqual([false, false]);
    expect(hasPart(cli, Buffer.from('canary'))).toBe(false);
  });

  test('ends with 1 and names the file while a reader keeps the key in it, and completes at a repeat', async () => {
    await using cli = testCli();
    const { call, boxes, reader } = await world(cli);
    const shredded = boxes();
    {
      using _reader = reader();
      const held = await call('forget', ...USER);
      expect(held).toMatchObject({
        code: 1,
        document: { keyShredded: true, error: { code: 'secret_still_in_file' } },
      });
      expect(held.stdout).toContain(cli.path('var/vault.db'));
      expect(boxes()).toEqual([]);
    }
    expect(await call('forget', ...USER)).toMatchObject({ code: 0 });
    expect(shredded.map((box) => hasPart(cli, box))).toEqual([false, false]);
  });
});

describe('tocsin channel', () => {
  test('replaces and removes a channel only when no file keeps the earlier secrets', async () => {
    await using cli = testCli();
    const { call, put, boxes, reader } = await world(cli);
    const first = boxes().slice(0, 1);
    const held = { code: 1, document: { error: { code: 'secret_still_in_file' } } };
    {
      using _reader = reader();
      expect(await put('canarysecondabcdef')).toMatchObject(held);
    }
    expect(await put('canarysecondabcdef')).toMatchObject({
      code: 0,
      document: { outcome: 'unchanged' },
    });
    expect(first.map((box) => hasPart(cli, box))).toEqual([false]);
    const second = boxes().slice(0, 1);
    {
      using _reader = reader();
      expect(await call('channel', 'remove', ...USER)).toMatchObject(held);
      expect(await call('channel', 'remove', ...USER)).toMatchObject(held);
    }
    expect(await call('channel', 'remove', ...USER)).toMatchObject({ code: 0 });
    expect(second.map((box) => hasPart(cli, box))).toEqual([false]);
  });
});
