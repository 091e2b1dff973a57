// Maps each message of a generation to its sequence in the output stream. Pure.
//
// Normally message n has sequence base + n. Foreign messages move the base. A foreign message in the middle
// of a pipelined batch takes the sequence of one of our messages: that message is refused, and the later
// ones of the batch fit again. The refused message then goes to the end of the stream: late, but not lost.
import type { StoredMessage } from '../output.ts';

export type MessageIdentity = {
  readonly ordinal: bigint;
  readonly id: string;
  readonly digest: string;
};

/** The identity of a stored message; `undefined` without our headers. */
export function identityOf({ headers }: StoredMessage): MessageIdentity | undefined {
  return identityIn(headers);
}

/** The same from the headers alone. */
export function identityIn(headers: StoredMessage['headers']): MessageIdentity | undefined {
  const ordinal = headers.get('Tocsin-Ordinal');
  const id = headers.get('ce-id');
  const digest = headers.get('Tocsin-Digest');
  if (ordinal === undefined || id === undefined || digest === undefined) return undefined;
  return /^\d{1,19}$/.test(ordinal) ? { ordinal: BigInt(ordinal), id, digest } : undefined;
}

/** True when both are the same message of the same generation. */
export function isSameMessage(a: MessageIdentity, b: MessageIdentity): boolean {
  return a.ordinal === b.ordinal && a.id === b.id && a.digest === b.digest;
}

/** A sequence of the stream: a message of ours, a foreign message, or a discarded one. */
export type ScannedMessage = {
  readonly sequence: bigint;
  readonly identity: MessageIdentity | 'foreign' | 'gone';
};

/** A message of ours with its sequence. */
export type PlacedMessage = MessageIdentity & { readonly sequence: bigint };

/** The sequences of a generation's messages, stored or not. */
export type SequenceMap = {
  /** The stream's last sequence. A message is stored exactly when its sequence is not beyond it. */
  readonly end: bigint;
  readonly sequenceOf: (ordinal: bigint) => bigint;
  /**
   * The sequence for a checkpoint after `ordinal`: our messages that are stored beyond this sequence come
   * after `ordinal`.
   */
  readonly checkpointSequence: (ordinal: bigint) => bigint;
  /** The generation's last stored message, to compare with the message that the log decides. */
  readonly last: PlacedMessage | undefined;
  /** Foreign messages since the checkpoint. */
  readonly foreign: number;
  /** Messages of ours that were refused because of foreign ones. */
  readonly missing: number;
};

/** How far a checkpoint has come. */
export type Reached = { readonly ordinal: bigint; readonly sequence: bigint };

/** Every message n at base + n. */
export function regularMap(reached: Reached, end: bigint, last?: PlacedMessage): SequenceMap {
  const base = reached.sequence - reached.ordinal;
  const sequenceOf = (ordinal: bigint): bigint => base + ordinal;
  return { end, sequenceOf, checkpointSequence: sequenceOf, last, foreign: 0, missing: 0 };
}

/** True for a message at base + n, and for a discarded one. */
export function isRegular(reached: Reached, { sequence, identity }: ScannedMessage): boolean {
  if (identity === 'gone') return true;
  if (identity === 'foreign') return false;
  return sequence - identity.ordinal === reached.sequence - reached.ordinal;
}

/**
 * The map of a stream with foreign messages, from everything that is stored after `reached`, in order.
 * @returns undefined when more messages are missing than a pipeline can have had in flight
 */
export function irregularMap(
  reached: Reached,
  scanned: readonly ScannedMessage[],
  end: bigint,
  maxMissing: number,
): SequenceMap | undefined {
  const { own, last, foreign } = ownMessages(reached, scanned);
  const highest = last?.ordinal ?? reached.ordinal;
  if (highest - reached.ordinal - BigInt(own.size) > BigInt(maxMissing)) return undefined;
  const sequences = new Map(own);
  let next = end;
  for (let ordinal = reached.ordinal + 1n; ordinal <= highest; ordinal += 1n) {
    if (!sequences.has(ordinal)) sequences.set(ordinal, (next += 1n));
  }
  const [oldBase, base] = [reached.sequence - reached.ordinal, next - highest];
  const baseOf = (ordinal: bigint): bigint => (ordinal <= reached.ordinal ? oldBase : base);
  const checkpoints = new Map<bigint, bigint>();
  let earliest = next + 1n;
  for (let ordinal = highest; ordinal > reached.ordinal; ordinal -= 1n) {
    checkpoints.set(ordinal, earliest - 1n);
    const sequence = own.get(ordinal);
    if (sequence !== undefined && sequence < earliest) earliest = sequence;
  }
  return {
    end,
    sequenceOf: (ordinal) => sequences.get(ordinal) ?? baseOf(ordinal) + ordinal,
    checkpointSequence: (ordinal) => checkpoints.get(ordinal) ?? baseOf(ordinal) + ordinal,
    last,
    foreign,
    missing: Number(next - end),
  };
}

/** The sequences of our stored messages, by ordinal. */
function ownMessages(reached: Reached, scanned: readonly ScannedMessage[]) {
  const own = new Map<bigint, bigint>();
  let last: PlacedMessage | undefined;
  let foreign = 0;
  let expected = reached.ordinal + 1n;
  for (const { sequence, identity } of scanned) {
    if (identity === 'gone') {
      // The message is gone; assume that it was our next ordinal.
      own.set(expected, sequence);
      expected += 1n;
      continue;
    }
    if (identity === 'foreign') {
      foreign += 1;
      continue;
    }
    // The checkpoint counts this message already: it was late then.
    if (identity.ordinal <= reached.ordinal || own.has(identity.ordinal)) continue;
    own.set(identity.ordinal, sequence);
    expected = identity.ordinal + 1n;
    if (last === undefined || identity.ordinal > last.ordinal) last = { ...identity, sequence };
  }
  return { own, last, foreign };
}
