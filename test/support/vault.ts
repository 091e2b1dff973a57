// A vault in memory, for what is not about the vault's own file.
import { createHmac } from 'node:crypto';
import type { SecretVault } from '../../src/domain/ports/secret-vault.ts';

/** A vault whose secrets a test can read. */
export function memoryVault(): SecretVault & { readonly secrets: Map<string, string> } {
  const secrets = new Map<string, string>();
  return {
    secrets,
    put: (name, secret) => {
      secrets.set(name, secret);
      return Promise.resolve();
    },
    putIfAbsent: (name, secret) => {
      const found = secrets.get(name) ?? secret;
      secrets.set(name, found);
      return Promise.resolve(found);
    },
    get: (name) => Promise.resolve(secrets.get(name)),
    remove: (name) => Promise.resolve(secrets.delete(name)),
    names: (prefix) =>
      Promise.resolve([...secrets.keys()].filter((name) => name.startsWith(prefix)).sort()),
    fingerprint: (text) => Promise.resolve(createHmac('sha256', 'test').update(text).digest('hex')),
  };
}
