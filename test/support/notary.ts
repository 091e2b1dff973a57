// A notary's key and outputs for tests.
import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { keyIdOf, type HeadSigner, type TreeHead } from '../../src/projections/notary/head.ts';
import type { HeadOutput } from '../../src/projections/notary/notary.ts';

export type TestKey = {
  readonly signer: HeadSigner;
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly pem: string;
};

export function testKey(): TestKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = createPublicKey(privateKey);
  const key = keyIdOf(publicKey);
  return {
    signer: {
      key,
      sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64'),
    },
    keys: new Map([[key, publicKey]]),
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** An output in memory; what it holds survives its notary. */
export function heldHeads(
  held: TreeHead[] = [],
): HeadOutput & { readonly held: readonly TreeHead[] } {
  return {
    name: 'memory',
    held,
    give(head) {
      held.push(head);
      return Promise.resolve();
    },
    lastHead: () => Promise.resolve(held.at(-1)),
  };
}

/** A folder that is removed after the test. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-notary-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
