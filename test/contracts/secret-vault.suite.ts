// What every vault has to do.
import { describe, expect, it } from 'vitest';
import type { SecretVault } from '../../src/domain/ports/secret-vault.ts';

export type OpenedVault = AsyncDisposable & { readonly vault: SecretVault };

export function secretVaultSuite(name: string, open: () => Promise<OpenedVault>): void {
  describe(`a vault: ${name}`, () => {
    it('keeps what it is given, and only the last of it', async () => {
      await using opened = await open();
      const { vault } = opened;
      expect(await vault.get('a')).toBeUndefined();
      await vault.put('a', 'one “ü”');
      await vault.put('a', 'two');
      await vault.put('b', '');
      expect(await vault.get('a')).toBe('two');
      expect(await vault.get('b')).toBe('');
    });

    it('lets the first of two have a name', async () => {
      await using opened = await open();
      const { vault } = opened;
      const both = await Promise.all([vault.putIfAbsent('a', '1'), vault.putIfAbsent('a', '2')]);
      expect(both).toEqual(['1', '1']);
      expect(await vault.get('a')).toBe('1');
    });

    it('forgets what is removed, and says whether it was there', async () => {
      await using opened = await open();
      const { vault } = opened;
      await vault.put('a', 'x');
      expect(await vault.remove('a')).toBe(true);
      expect(await vault.remove('a')).toBe(false);
      expect(await vault.get('a')).toBeUndefined();
    });

    it('lists names by what they begin with, in bytewise order, and none of its own', async () => {
      await using opened = await open();
      const { vault } = opened;
      for (const name of ['u/2', 'u/10', 'v/1', 'u/ü', 'u']) await vault.put(name, 'x');
      expect(await vault.names('u/')).toEqual(['u/10', 'u/2', 'u/ü']);
      expect(await vault.names('')).toEqual(['u', 'u/10', 'u/2', 'u/ü', 'v/1']);
    });

    it('has one fingerprint per text, and another vault has another', async () => {
      await using one = await open();
      await using other = await open();
      const of = (vault: SecretVault) => vault.fingerprint('https://x.example/');
      expect(await of(one.vault)).toMatch(/^[0-9a-f]{64}$/);
      expect(await of(one.vault)).toBe(await of(one.vault));
      expect(await of(one.vault)).not.toBe(await one.vault.fingerprint('https://y.example/'));
      expect(await of(one.vault)).not.toBe(await of(other.vault));
    });
  });
}
