// The SQLite vault, and what is particular to it: its keys, its file, and that removing shreds.
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createKeyFile } from '../../src/adapters/keys/key-file.ts';
import { parseVaultKeys, readVaultKeys } from '../../src/adapters/sqlite/vault/keys.ts';
import { sqliteVault } from '../../src/adapters/sqlite/vault/sqlite-vault.ts';
import { secretVaultSuite } from './secret-vault.suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'tocsin-vault-'));
let files = 0;
const newFile = (): string => join(folder, `vault-${(files += 1)}`, 'vault.db');
const newKey = (): string => randomBytes(32).toString('base64');

afterAll(() => {
  rmSync(folder, { recursive: true });
});

secretVaultSuite('SQLite', () => {
  const vault = sqliteVault({ file: newFile(), keys: parseVaultKeys(newKey()) });
  return Promise.resolve({
    vault,
    [Symbol.asyncDispose]: () => {
      vault[Symbol.dispose]();
      return Promise.resolve();
    },
  });
});

/** Everything in a vault's folder, as bytes. */
function bytesOf(file: string): Buffer {
  const where = join(file, '..');
  return Buffer.concat(readdirSync(where).map((name) => readFileSync(join(where, name))));
}

describe('the SQLite vault', () => {
  it('holds nothing readable, and is its owner’s alone', async () => {
    const file = newFile();
    using vault = sqliteVault({ file, keys: parseVaultKeys(newKey()) });
    await vault.put('a', 'a-canary-in-the-vault');
    expect(bytesOf(file).includes('a-canary-in-the-vault')).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is shared by those who have its key', async () => {
    const file = newFile();
    const keys = parseVaultKeys(newKey());
    using one = sqliteVault({ file, keys });
    using other = sqliteVault({ file, keys });
    await one.put('a', 'x');
    expect(await other.get('a')).toBe('x');
    expect(await one.fingerprint('t')).toBe(await other.fingerprint('t'));
  });

  it('is not opened by another key, and says so without quoting it', () => {
    const file = newFile();
    sqliteVault({ file, keys: parseVaultKeys(newKey()) })[Symbol.dispose]();
    const wrong = newKey();
    expect(() => sqliteVault({ file, keys: parseVaultKeys(wrong) })).toThrow(
      expect.objectContaining({
        code: 'vault_key_wrong',
        message: expect.not.stringContaining(wrong) as string,
      }),
    );
  });

  it('leaves no byte of what is removed, nor of what it was replaced by', async () => {
    const file = newFile();
    const keys = parseVaultKeys(newKey());
    using vault = sqliteVault({ file, keys });
    await vault.put('a', 'first');
    const box = boxOf(file, 'a');
    expect(bytesOf(file).includes(box)).toBe(true);
    await vault.remove('a');
    expect(bytesOf(file).includes(box)).toBe(false);
  });

  it('rotates: everything is under the new key, and the old one can go', async () => {
    const file = newFile();
    const [old, fresh] = [newKey(), newKey()];
    {
      using vault = sqliteVault({ file, keys: parseVaultKeys(old) });
      await vault.put('a', 'x');
    }
    let fingerprint: string;
    {
      using vault = sqliteVault({ file, keys: parseVaultKeys(`${fresh}\n${old}\n`) });
      expect(await vault.get('a')).toBe('x');
      fingerprint = await vault.fingerprint('t');
      expect(await vault.rotate()).toBe(2);
      expect(await vault.rotate()).toBe(0);
    }
    using vault = sqliteVault({ file, keys: parseVaultKeys(fresh) });
    expect(await vault.get('a')).toBe('x');
    expect(await vault.fingerprint('t')).toBe(fingerprint);
    expect(() => sqliteVault({ file, keys: parseVaultKeys(old) })).toThrow(
      /encrypted with another key/,
    );
  });

  it('does not take one record for another', async () => {
    const file = newFile();
    const keys = parseVaultKeys(newKey());
    using vault = sqliteVault({ file, keys });
    await vault.put('a', 'of a');
    await vault.put('b', 'of b');
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(file);
    db.exec("UPDATE secrets SET box = (SELECT box FROM secrets WHERE name = 'a') WHERE name = 'b'");
    db.close();
    await expect(vault.get('b')).rejects.toThrow();
  });
});

describe('a key file', () => {
  it('is made once, for its owner only', () => {
    const file = join(folder, 'made.key');
    expect(createKeyFile(file)).toBe(true);
    const [key] = readVaultKeys(file);
    expect(createKeyFile(file)).toBe(false);
    expect(readVaultKeys(file)[0].id).toBe(key.id);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is refused when others may read it, when it is not there, and when it holds no keys', () => {
    const file = join(folder, 'bad.key');
    writeFileSync(file, `${newKey()}\n`, { mode: 0o600 });
    chmodSync(file, 0o640);
    const code = (of: string) => expect.objectContaining({ code: of }) as Error;
    expect(() => readVaultKeys(file)).toThrow(code('vault_key_open'));
    expect(() => readVaultKeys(join(folder, 'none.key'))).toThrow(code('vault_key_unreadable'));
    expect(() => parseVaultKeys('')).toThrow(code('vault_key_invalid'));
    expect(() => parseVaultKeys('abcd')).toThrow(code('vault_key_invalid'));
  });
});

function boxOf(file: string, name: string): Buffer {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  const db = new DatabaseSync(file, { readOnly: true });
  const box = db.prepare('SELECT box FROM secrets WHERE name = ?').get(name)?.['box'];
  db.close();
  return Buffer.from(box instanceof Uint8Array ? box : []);
}
