// `verify-proof`: checks a proof with the public key alone: no log, no server and no other user's data.
import type { KeyObject } from 'node:crypto';
import { TocsinError } from '../../../domain/core/errors.ts';
import { canonicalJson, tryParseJson, type JsonObject } from '../../../domain/core/json.ts';
import { bytesOf, signednessOf, type TreeHead } from '../../notary/head.ts';
import { keysIn, withEndorsed, type PublishedKeys } from '../../notary/keys.ts';
import { leafText, publicPersonal, type LeafEvent } from '../../notary/leaf.ts';
import { leafHash, verifyConsistency, verifyInclusion } from '../../notary/merkle.ts';
import { ConsistencySchema, ProofSchema, type ConsistencyProof, type Proof } from './format.ts';

export type ProofFault = {
  readonly code:
    'unknown_key' | 'signature_wrong' | 'not_included' | 'personal_changed' | 'not_consistent';
  readonly detail: string;
};

export type ProvenEvent = Pick<LeafEvent, 'type' | 'stream' | 'revision'> & {
  /** The number of the leaf, from 0. */
  readonly leaf: number;
  /** When the kernel recorded it: RFC 3339, or empty. */
  readonly recordedAt: string;
  readonly actor: string;
  /** The data with a hash in place of the personal part. */
  readonly data: JsonObject;
  /** The personal part, if the proof shows it; it fits the hash unless `faults` says otherwise. */
  readonly personal?: unknown;
};

/** The result of a check. The proof holds when `faults` is empty. */
export type ProofReport = {
  readonly kind: 'proof' | 'consistency';
  /** The id that the proof is about; empty for two heads. */
  readonly about: string;
  /** The newer head of two. */
  readonly head: TreeHead;
  readonly older: TreeHead | null;
  readonly events: readonly ProvenEvent[];
  readonly faults: readonly ProofFault[];
};

/**
 * Checks a proof of events, or of consistency.
 *
 * @param text the file's text
 * @param key a public Ed25519 key in PEM, or the keys that the notary published
 * @throws TocsinError `usage` for text that is no proof (`not_a_proof`) or no key (`invalid_key`)
 */
export function verifyProof(text: string, key: string): ProofReport {
  const trusted = keysIn(key);
  if (trusted === undefined) {
    throw new TocsinError('usage', 'invalid_key', 'the key is not a public Ed25519 key', {
      hint: 'Use a PEM file, or what `tocsin notary key publish --json` printed.',
    });
  }
  const json = tryParseJson(text);
  const proof = ProofSchema.safeParse(json);
  if (proof.success) return eventsReport(proof.data, trusted);
  const consistency = ConsistencySchema.safeParse(json);
  if (consistency.success) return consistencyReport(consistency.data, trusted);
  throw new TocsinError('usage', 'not_a_proof', 'the file is not a proof of Tocsin', {
    hint: 'Make one with `tocsin audit prove` or `tocsin audit consistency`.',
  });
}

function eventsReport(proof: Proof, trusted: ReadonlyMap<string, KeyObject>): ProofReport {
  const { about, head, nodes } = proof;
  const faults = headFaults([head], proof.keys, trusted);
  const hashes = nodes.map((node) => Buffer.from(node, 'base64'));
  const root = bytesOf(head.root);
  const events = proof.events.map(({ leaf, path, event, personal }): ProvenEvent => {
    const where = `leaf ${leaf}, event ${event.revision} of ${event.stream} (${event.type})`;
    const siblings = path.flatMap((place) => hashes[place] ?? []);
    const claim = { index: leaf, size: head.size, path: siblings, root };
    const isWhole = siblings.length === path.length;
    if (!isWhole || !verifyInclusion(leafHash(leafText(event)), claim))
      faults.push({ code: 'not_included', detail: where });
    if (personal !== undefined && !isPersonalOf(event, personal))
      faults.push({ code: 'personal_changed', detail: where });
    const { type, stream, revision, data, metadata } = event;
    const { recordedAt, actor } = metadata;
    return {
      leaf,
      type,
      stream,
      revision,
      recordedAt: typeof recordedAt === 'string' ? recordedAt : '',
      actor: typeof actor === 'string' ? actor : '',
      data,
      ...(personal === undefined ? {} : { personal }),
    };
  });
  return { kind: 'proof', about, head, older: null, events, faults };
}

function isPersonalOf(
  { data }: LeafEvent,
  personal: Parameters<typeof publicPersonal>[0],
): boolean {
  const said = data['personal'];
  return said !== undefined && canonicalJson(said) === canonicalJson(publicPersonal(personal));
}

function consistencyReport(
  { older, newer, keys, path }: ConsistencyProof,
  trusted: ReadonlyMap<string, KeyObject>,
): ProofReport {
  const faults = headFaults([older, newer], keys, trusted);
  const hashes = path.map((node) => Buffer.from(node, 'base64'));
  const treeOf = ({ size, root }: TreeHead) => ({ size, root: bytesOf(root) });
  const detail = `the log of ${newer.size} leaves does not begin with the log of ${older.size}`;
  if (older.store !== newer.store)
    faults.push({ code: 'not_consistent', detail: 'the heads are of two logs' });
  else if (!verifyConsistency(treeOf(older), treeOf(newer), hashes))
    faults.push({ code: 'not_consistent', detail });
  return { kind: 'consistency', about: '', head: newer, older, events: [], faults };
}

function headFaults(
  heads: readonly TreeHead[],
  offered: PublishedKeys | undefined,
  trusted: ReadonlyMap<string, KeyObject>,
): ProofFault[] {
  const keys = withEndorsed(trusted, offered?.keys ?? []);
  return heads.flatMap((head): ProofFault[] => {
    const signedness = signednessOf(head, keys);
    if (signedness === 'valid') return [];
    const code = signedness === 'unknown_key' ? 'unknown_key' : 'signature_wrong';
    return [{ code, detail: `the head of ${head.size} leaves, key ${head.key}` }];
  });
}
