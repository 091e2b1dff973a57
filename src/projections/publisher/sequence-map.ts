// Which place in the stream each message of the list has, given what the stream holds. Pure.
//
// As a rule message n has sequence base + n. Strangers who write into the stream move that base; and a
// stranger's message that lands in the middle of a pipelined batch takes the place of one of ours, which
// is refused, while the next ones fit again. Such a missing message goes to the end: late, never lost.
import type { MessageIdentity } from './message-identity.ts';

/** A stored message as a scan sees it: ours by its stamp, a stranger's, or no longer kept. */
export type Seen = {
  readonly sequence: bigint;
  readonly stamp: MessageIdentity | 'foreign' | 'gone';
};

/** A message of ours at its place. */
export type PlacedMessage = MessageIdentity & { readonly sequence: bigint };

/** Where the list's messages are, and will be. */
export type SequenceMap = {
  /** The stream's last sequence. A message is stored exactly when its place is not beyond it. */
  readonly end: bigint;
  readonly sequenceOf: (ordinal: bigint) => bigint;
  /**
   * What a checkpoint after `ordinal` says it has reached: everything of the list that is stored
   * beyond this sequence comes after `ordinal`.
   */
  readonly markAfter: (ordinal: bigint) => bigint;
  /** The list's last stored message, for comparing it with what the log decides. */
  readonly last: PlacedMessage | undefined;
  /** Strangers' messages since the checkpoint. */
  readonly foreign: number;
  /** Messages of ours that strangers kept from being stored. */
  readonly missing: number;
};

/** What was committed: how many messages, and up to which sequence. */
export type Mark = { readonly ordinal: bigint; readonly sequence: bigint };

/** The rule: every message at base + n. */
export function regularMap(mark: Mark, end: bigint, last?: PlacedMessage): SequenceMap {
  const base = mark.sequence - mark.ordinal;
  const sequenceOf = (ordinal: bigint): bigint => base + ordinal;
  return { end, sequenceOf, markAfter: sequenceOf, last, foreign: 0, missing: 0 };
}

/** True while a stored message is where the rule puts it. */
export function isRegular(mark: Mark, { sequence, stamp }: Seen): boolean {
  if (stamp === 'gone') return true;
  return stamp !== 'foreign' && sequence - stamp.ordinal === mark.sequence - mark.ordinal;
}

/**
 * The exception, from everything that is stored after the mark, in order.
 * @returns undefined when more is missing than a pipeline can have had on its way
 */
export function irregularMap(
  mark: Mark,
  seen: readonly Seen[],
  end: bigint,
  maxMissing: number,
): SequenceMap | undefined {
  const { own, last, foreign } = ownMessages(mark, seen);
  const highest = last?.ordinal ?? mark.ordinal;
  if (highest - mark.ordinal - BigInt(own.size) > BigInt(maxMissing)) return undefined;
  const places = new Map(own);
  let next = end;
  for (let ordinal = mark.ordinal + 1n; ordinal <= highest; ordinal += 1n) {
    if (!places.has(ordinal)) places.set(ordinal, (next += 1n));
  }
  const [oldBase, base] = [mark.sequence - mark.ordinal, next - highest];
  const baseOf = (ordinal: bigint): bigint => (ordinal <= mark.ordinal ? oldBase : base);
  const marks = new Map<bigint, bigint>();
  let earliest = next + 1n;
  for (let ordinal = highest; ordinal > mark.ordinal; ordinal -= 1n) {
    marks.set(ordinal, earliest - 1n);
    const place = own.get(ordinal);
    if (place !== undefined && place < earliest) earliest = place;
  }
  return {
    end,
    sequenceOf: (ordinal) => places.get(ordinal) ?? baseOf(ordinal) + ordinal,
    markAfter: (ordinal) => marks.get(ordinal) ?? baseOf(ordinal) + ordinal,
    last,
    foreign,
    missing: Number(next - end),
  };
}

function ownMessages(mark: Mark, seen: readonly Seen[]) {
  const own = new Map<bigint, bigint>();
  let last: PlacedMessage | undefined;
  let foreign = 0;
  let expected = mark.ordinal + 1n;
  for (const { sequence, stamp } of seen) {
    if (stamp === 'gone') {
      // Nobody can say any more; by the count it was the next of ours.
      own.set(expected, sequence);
      expected += 1n;
      continue;
    }
    if (stamp === 'foreign') {
      foreign += 1;
      continue;
    }
    // One that was late already when the mark was made.
    if (stamp.ordinal <= mark.ordinal || own.has(stamp.ordinal)) continue;
    own.set(stamp.ordinal, sequence);
    expected = stamp.ordinal + 1n;
    if (last === undefined || stamp.ordinal > last.ordinal) last = { ...stamp, sequence };
  }
  return { own, last, foreign };
}
