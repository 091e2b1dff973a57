// What the commands about tree heads share: heads and keys that files hold, and the leaves that a notary has noted.
import { existsSync } from 'node:fs';
import { readHeads, type KeptHeads } from '../../adapters/notary/read-heads.ts';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import { keysIn } from '../../projections/notary/keys.ts';
import { CHUNK } from '../../projections/notary/state.ts';
import { publishedOf } from '../compose/notary-view.ts';
import type { Config } from '../config/config.ts';
import { readTextFile, usageError } from '../config/usage-error.ts';

const FILE_HINT = 'Check the path, and that this user may read there.';

export type Heads = KeptHeads & {
  /** False when no key was given and none is on this machine. */
  readonly areSigned: boolean;
};

/** The heads of a file, checked with the key of `--key`, else with the keys of a notary on this machine. */
export async function headsOf(
  config: Config,
  file: string,
  keyFile: string | undefined,
): Promise<Heads> {
  const own = keyFile === undefined ? publishedOf(config) : undefined;
  const text = keyFile === undefined ? own && JSON.stringify(own) : keyText(keyFile);
  const keys = text === undefined ? undefined : keysIn(text);
  if (text !== undefined && keys === undefined) {
    throw usageError('invalid_key', 'the key is not a public Ed25519 key', FILE_HINT);
  }
  return { ...(await readHeads(file, keys)), areSigned: keys !== undefined };
}

export function keyText(file: string): string {
  return readTextFile(file, 'file_unusable', FILE_HINT);
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
