// Whether a proof of a story can be made, and the proof itself.
import type { ProofOffer } from '../../../console/pages/proof.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../../../domain/core/ids.ts';
import { comparePositions, parsePosition } from '../../../domain/core/positions.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { Explanation } from '../../../projections/audit/explain/explain.ts';
import type { Proof } from '../../../projections/audit/proof/format.ts';
import { signednessOf, type TreeHead } from '../../../projections/notary/head.ts';
import { keysIn } from '../../../projections/notary/keys.ts';
import type { ConsoleOptions } from './options.ts';

export type ProofParts = Pick<ConsoleOptions, 'audit' | 'notary' | 'name'>;

/** How many of the story's own events the newest head covers. The events of others in it are not in the proof. */
export async function proofOffer(
  { notary, name }: ProofParts,
  explanation: Explanation,
): Promise<ProofOffer> {
  if (notary === undefined) return { kind: 'no_notary' };
  const head = await notary.head();
  if (head === undefined) return { kind: 'no_head' };
  const streams = ownStreams(explanation, name);
  const own = explanation.story.filter(({ stream }) => streams.has(stream));
  const covered = own.filter(({ position }) => isCovered(position, head)).length;
  const { time, size } = head;
  const kind = covered === 0 ? 'not_covered' : 'offered';
  return { kind, covered, events: own.length, time, size };
}

function ownStreams(
  { triggerId, userId, decision }: Explanation,
  kernel = DEFAULT_KERNEL_NAME,
): ReadonlySet<string> {
  const trigger = parseOccurrenceId(kernel, triggerId)?.stream;
  const id = decision?.notificationId ?? undefined;
  const delivery = id === undefined ? undefined : deliveryStream(kernel, userId, id);
  return new Set([trigger, delivery].filter((stream) => stream !== undefined));
}

function isCovered(text: string, head: TreeHead): boolean {
  const [position, end] = [parsePosition(text), parsePosition(head.position)];
  return position !== undefined && end !== undefined && comparePositions(position, end) <= 0;
}

/**
 * The proof of a story under the newest head, without personal parts.
 *
 * @throws TocsinError `usage` (`no_head`) without a head, `refused` (`head_not_signed`) for a head of another key
 */
export async function makeProof(
  { audit, notary }: ProofParts,
  id: string,
  progress: (leaves: number) => void,
): Promise<Proof> {
  const head = await notary?.head();
  if (head === undefined) {
    throw new TocsinError('usage', 'no_head', 'there is no signed head to prove it with', {
      hint: 'Run a notary: tocsin start has one, or run tocsin notary --once.',
    });
  }
  const keys = notary?.keys?.();
  const known = keys && keysIn(JSON.stringify(keys));
  if (known !== undefined && signednessOf(head, known) !== 'valid') {
    const message = `none of the notary’s keys has signed the head of ${head.size} leaves`;
    throw new TocsinError('refused', 'head_not_signed', message, {
      hint: 'Check which notary has written the heads, and which key is beside them.',
    });
  }
  await using opened = await audit();
  // An id that leads nowhere is not found before the log is read.
  const { triggerId } = await opened.explain(id);
  return await opened.prove({ id: triggerId, head, keys, progress });
}
