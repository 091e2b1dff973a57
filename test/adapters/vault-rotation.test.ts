// The rotation of the vault's key, in the documented order, while processes use the vault.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseVaultKeys } from '../../src/adapters/sqlite/vault/keys.ts';
import { sqliteVault, type SqliteVault } from '../../src/adapters/sqlite/vault/sqlite-vault.ts';
import { keyFileVault } from '../../src/cli/compose/key-file-vault.ts';

const newKey = (): string => randomBytes(32).toString('base64');

function world() {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-rotation-'));
  const [file, keyFile] = [join(folder, 'vault.db'), join(folder, 'vault.key')];
  const open: SqliteVault[] = [];
  onTestFinished(() => {
    for (const vault of open) vault[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  const keep = (vault: SqliteVault): SqliteVault => {
    open.push(vault);
    return vault;
  };
  return {
    /** As an editor or `mv` replaces it. */
    writeKeys: (...keys: readonly string[]): void => {
      writeFileSync(`${keyFile}.new`, keys.join('\n'), { mode: 0o600 });
      renameSync(`${keyFile}.new`, keyFile);
    },
    process: () => keep(keyFileVault(file, keyFile)),
    withKeys: (...keys: readonly string[]) =>
      keep(sqliteVault({ file, keys: parseVaultKeys(keys.join(',')) })),
  };
}

test('processes that run during a rotation lose no secret, before, between and after its steps', async () => {
  const [first, second] = [newKey(), newKey()];
  const { writeKeys, process, withKeys } = world();
  writeKeys(first);
  const [api, worker] = [process(), process()];
  await api.put('before', '1');
  writeKeys(second, first);
  await api.put('both keys', '2');
  expect(await worker.get('both keys')).toBe('2');
  expect(await process().rotate()).toBeGreaterThan(0);
  await worker.put('rotated', '3');
  writeKeys(second);
  await api.put('after', '4');
  const last = withKeys(second);
  const secrets = ['before', 'both keys', 'rotated', 'after'].map((name) => last.get(name));
  expect(await Promise.all(secrets)).toEqual(['1', '2', '3', '4']);
  expect(await worker.get('after')).toBe('4');
});

test('a process that kept the old key seals nothing after a rotation, and says so', async () => {
  const [first, second] = [newKey(), newKey()];
  const { withKeys } = world();
  const kept = withKeys(first);
  await kept.put('a', '1');
  await withKeys(second, first).rotate();
  const refused = { kind: 'unavailable', code: 'vault_key_old' };
  await expect(kept.put('b', '2')).rejects.toMatchObject(refused);
  await expect(kept.putIfAbsent('c', '3')).rejects.toMatchObject(refused);
  expect(await withKeys(second).names('')).toEqual(['a']);
});

test('a key file that cannot be read for a moment does not stop a process', async () => {
  const [first, second] = [newKey(), newKey()];
  const { writeKeys, process } = world();
  writeKeys(first);
  const api = process();
  writeKeys('half of a k');
  await api.put('a', '1');
  writeKeys(second, first);
  expect(await api.get('a')).toBe('1');
});
