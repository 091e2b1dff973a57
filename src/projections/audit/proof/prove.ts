// `audit prove` and `audit consistency`: make proofs from the log and signed heads.
import { TocsinError } from '../../../domain/core/errors.ts';
import { isUuid, parseOccurrenceId } from '../../../domain/core/ids.ts';
import { isJsonObject } from '../../../domain/core/json.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { TreeHead } from '../../notary/head.ts';
import type { PublishedKeys } from '../../notary/keys.ts';
import { leafEvent } from '../../notary/leaf.ts';
import { consistencyPath, inclusionPath, type Hash } from '../../notary/merkle.ts';
import { quickMessageId } from '../../uuid.ts';
import { headOf, kernelEvents, userOf } from '../reading/reading.ts';
import { CONSISTENCY_FORMAT, PROOF_FORMAT, type ConsistencyProof, type Proof } from './format.ts';
import { assertFits, readLeaves, type LeafReadOptions } from './log-leaves.ts';

export type ProveOptions = Pick<LeafReadOptions, 'log' | 'kernel' | 'progress'> & {
  /** A trigger (`ast_…`), a preview (`asp_…`) or a notification. */
  readonly id: string;
  readonly head: TreeHead;
  /** Put into the proof, so that a reader who knows an earlier key can check it. */
  readonly keys?: PublishedKeys | undefined;
  /** Shows the readable personal parts, with their salts. */
  readonly personal?: boolean | undefined;
};

/**
 * The events of one trigger, of its preview, notification and delivery, with their paths to the head.
 *
 * @throws TocsinError `usage` when the head covers no event of the id, `refused` when the head does not fit the log
 */
export async function prove(options: ProveOptions): Promise<Proof> {
  const { log, kernel, id, head, keys, personal = false } = options;
  const { size } = head;
  const wants = storyOf(kernel, await occurrenceOf(options));
  const leaves = await readLeaves({ ...options, size, borders: [size - 1], wants });
  await assertFits(head, { log, kernel }, leaves);
  if (leaves.wanted.length === 0) {
    const message = `no event of ${id} is among the ${size} leaves of the head`;
    throw new TocsinError('usage', 'not_in_head', message, {
      hint: 'Check the id. If the trigger is new, sign a head with `tocsin notary --once`, or wait for the next.',
    });
  }
  const nodes = new Map<string, number>();
  const placeOf = (hash: Hash): number => {
    const text = Buffer.from(hash).toString('base64');
    const place = nodes.get(text) ?? nodes.size;
    nodes.set(text, place);
    return place;
  };
  const events = leaves.wanted.map(({ index: leaf, event }) => ({
    leaf,
    path: inclusionPath(leaf, size, leaves.rootOf).map(placeOf),
    event: leafEvent(event),
    ...(personal ? readablePersonal(event) : {}),
  }));
  const about = { format: PROOF_FORMAT, about: id, head } as const;
  return { ...about, ...(keys === undefined ? {} : { keys }), nodes: [...nodes.keys()], events };
}

type Occurrence = { readonly stream: string; readonly occurrence: number };

/** Selects the events of a story in the order of the log: a delivery comes after its request. */
function storyOf(kernel: string, story: Occurrence | undefined): (event: RecordedEvent) => boolean {
  const deliveries = new Set<string>();
  return (event) => {
    const { id, stream, data, type } = event;
    if (deliveries.has(stream)) return true;
    if (story?.stream !== stream || !isJsonObject(data)) return false;
    if (data['occurrence'] !== story.occurrence) return false;
    if (type === 'NotificationRequested') {
      const notification = quickMessageId(id, 'notification.requested');
      deliveries.add(deliveryStream(kernel, String(userOf(event)), notification));
    }
    return true;
  };
}

/** The occurrence that an id names. Only the log knows which request a notification was made of. */
async function occurrenceOf({ log, kernel, id }: ProveOptions): Promise<Occurrence | undefined> {
  const named = parseOccurrenceId(kernel, id);
  if (named !== undefined || !isUuid(id)) return named;
  const notification = id.toLowerCase();
  for await (const page of kernelEvents(log, kernel, await headOf(log, kernel))) {
    for (const { id: request, stream, type, data } of page) {
      if (type !== 'NotificationRequested' || !isJsonObject(data)) continue;
      if (quickMessageId(request, 'notification.requested') !== notification) continue;
      const { occurrence } = data;
      return typeof occurrence === 'number' ? { stream, occurrence } : undefined;
    }
  }
  return undefined;
}

/** A sealed part stays sealed: its hash is in the event. */
function readablePersonal({ data }: RecordedEvent): Pick<Proof['events'][number], 'personal'> {
  const personal = isJsonObject(data) ? data['personal'] : undefined;
  const isReadable = personal !== undefined && isJsonObject(personal) && !('sealed' in personal);
  return isReadable ? { personal } : {};
}

export type ConsistencyOptions = Pick<LeafReadOptions, 'log' | 'kernel' | 'progress'> & {
  readonly older: TreeHead;
  readonly newer: TreeHead;
  readonly keys?: PublishedKeys | undefined;
};

/**
 * Proves that the log of the newer head begins with the log of the older head.
 *
 * @throws TocsinError `refused` when one of them does not fit the log
 */
export async function proveConsistency(options: ConsistencyOptions): Promise<ConsistencyProof> {
  const { log, kernel, older, newer, keys } = options;
  if (older.size > newer.size) {
    throw new TocsinError('usage', 'heads_in_wrong_order', 'the older head has more leaves', {
      hint: 'Give the older head first.',
    });
  }
  const borders = [older.size - 1, older.size, newer.size - 1];
  const leaves = await readLeaves({ ...options, size: newer.size, borders });
  await assertFits(older, { log, kernel }, leaves);
  await assertFits(newer, { log, kernel }, leaves);
  const path = consistencyPath(older.size, newer.size, leaves.rootOf);
  return {
    format: CONSISTENCY_FORMAT,
    older,
    newer,
    ...(keys === undefined ? {} : { keys }),
    path: path.map((hash) => Buffer.from(hash).toString('base64')),
  };
}
