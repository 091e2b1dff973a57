// Reads heads that were kept: one head, or a file that a notary has appended to.
import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import type { HeadWitness } from '../../projections/audit/verify/head-check.ts';
import { splitHashes } from '../../projections/notary/frontier.ts';
import { signednessOf, TreeHeadSchema, type TreeHead } from '../../projections/notary/head.ts';
import type { Hash } from '../../projections/notary/merkle.ts';

const LeavesSchema = z.strictObject({
  leaves: z.strictObject({ from: z.int().min(0), hashes: z.base64() }),
});

/** Heads, and the leaves that the file holds beside them. */
export type KeptHeads = HeadWitness & {
  /** The head with the most leaves. */
  readonly last: TreeHead;
};

/**
 * Reads all heads of a file and checks their signatures.
 *
 * @param keys by their ids; `undefined`: signatures are not checked
 * @throws TocsinError `usage` when the file cannot be read or holds something else (`not_a_head`), `refused` for a head
 * that none of the keys has signed (`head_not_signed`)
 */
export async function readHeads(
  file: string,
  keys: ReadonlyMap<string, KeyObject> | undefined,
): Promise<KeptHeads> {
  const heads: TreeHead[] = [];
  const leaves: Hash[] = [];
  let number = 0;
  for await (const line of linesOf(file)) {
    number += 1;
    const json = tryParseJson(line);
    const head = TreeHeadSchema.safeParse(json);
    if (head.success) {
      assertSigned(file, head.data, keys);
      heads.push(head.data);
      continue;
    }
    const noted = LeavesSchema.safeParse(json);
    if (!noted.success) throw notAHead(file, `line ${number} is neither a head nor leaves`);
    const { from, hashes } = noted.data.leaves;
    splitHashes(Buffer.from(hashes, 'base64')).forEach((hash, at) => {
      leaves[from + at] = hash;
    });
  }
  const [first, ...others] = heads;
  if (first === undefined) throw notAHead(file, 'it holds no head');
  const last = others.reduce((most, head) => (head.size >= most.size ? head : most), first);
  return { heads, last, leafAt: (n) => leaves[n] };
}

async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    const lines = createInterface({ input: createReadStream(file, 'utf8') });
    for await (const line of lines) if (line !== '') yield line;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TocsinError('usage', 'file_unusable', `${file}: ${detail}`, {
      hint: 'Check the path, and that this user may read there.',
      cause,
    });
  }
}

function assertSigned(
  file: string,
  head: TreeHead,
  keys: ReadonlyMap<string, KeyObject> | undefined,
): void {
  const signedness = keys === undefined ? 'valid' : signednessOf(head, keys);
  if (signedness === 'valid') return;
  const why =
    signedness === 'invalid' ? 'its signature is wrong' : `nobody knows its key ${head.key}`;
  const message = `the head of ${head.size} leaves in ${file} does not count: ${why}`;
  throw new TocsinError('refused', 'head_not_signed', message, {
    hint: 'Give the public key of the notary with --key: a PEM file, or what `tocsin notary key publish --json` printed.',
  });
}

function notAHead(file: string, detail: string): TocsinError {
  return new TocsinError('usage', 'not_a_head', `${file}: ${detail}`, {
    hint: 'Use a file of --heads, or what `tocsin notary --once --json` printed.',
  });
}
