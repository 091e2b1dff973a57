// What the commands about tree heads share: heads and keys that files hold, and the leaves that a notary has noted.
import { existsSync } from 'node:fs';
import { readNotaryKey } from '../../adapters/notary/key-file.ts';
import { readHeads, type KeptHeads } from '../../adapters/notary/read-heads.ts';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import { keysIn, type PublishedKeys } from '../../projections/notary/keys.ts';
import { CHUNK } from '../../projections/notary/state.ts';
import type { Config } from '../config/config.ts';
import { readTextFile, usageError } from '../config/usage-error.ts';

const FILE_HINT = 'Check the path, and that this user may read there.';

export type Heads = KeptHeads & {
  /** False when no key was given and none is on this machine. */
  readonly areSigned: boolean;
};

/** The heads of a file, checked with the key of `--key`, else with the keys of a notary on this machine. */
export async function headsOf(
  { notary }: Config,
  file: string,
  keyFile: string | undefined,
): Promise<Heads> {
  const text = keyFile === undefined ? ownKeys(notary.key) : keyText(keyFile);
  const keys = text === undefined ? undefined : keysIn(text);
  if (text !== undefined && keys === undefined) {
    throw usageError('invalid_key', 'the key is not a public Ed25519 key', FILE_HINT);
  }
  return { ...(await readHeads(file, keys)), areSigned: keys !== undefined };
}

export function keyText(file: string): string {
  return readTextFile(file, 'file_unusable', FILE_HINT);
}

/** The public keys of the notary on this machine. */
export function publishedOf({ notary }: Config): PublishedKeys | undefined {
  return existsSync(notary.key) ? readNotaryKey(notary.key).published : undefined;
}

function ownKeys(file: string): string | undefined {
  return existsSync(file) ? JSON.stringify(readNotaryKey(file).published) : undefined;
}

/** Adds the leaves that the notary on this machine has noted, where the heads' file has none. */
export function withNotedLeaves(heads: Heads, { notary }: Config): Heads & Disposable {
  if (!existsSync(notary.state)) return { ...heads, [Symbol.dispose]: () => undefined };
  const record = openNotaryRecord(notary.state);
  let chunk = record.chunk(0);
  return {
    ...heads,
    leafAt(n) {
      const known = heads.leafAt?.(n);
      if (known !== undefined) return known;
      const number = Math.floor(n / CHUNK);
      if (chunk?.number !== number) chunk = record.chunk(number);
      return chunk?.leaves[n % CHUNK];
    },
    [Symbol.dispose]: () => {
      record[Symbol.dispose]();
    },
  };
}
