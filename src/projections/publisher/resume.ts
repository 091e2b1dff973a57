// Resuming: what the output stream already holds of the list, compared with what was committed
// (design section 5.4). It sends nothing but the tail that a server lost.
import type { OutputInfo, OutputMessage, OutputSession } from '../output.ts';
import type { Checkpoint, RecentMessageRow } from '../read-model.ts';
import { draftApplied, draftNotification, draftTriggered, render } from '../dedupe/messages.ts';
import { subjectOf } from '../dedupe/subjects.ts';
import { classify } from '../dedupe/classify.ts';
import type { ProjectorContext } from './context.ts';
import { agrees, identityOf } from './message-identity.ts';
import type { OpenOutput } from './output-generation.ts';
import {
  irregularMap,
  isRegular,
  regularMap,
  type Mark,
  type PlacedMessage,
  type SequenceMap,
  type Seen,
} from './sequence-map.ts';
import { refusals } from './refusals.ts';

/** A lost tail is sent again up to this age of its oldest message. */
const LOST_TAIL_MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** Messages of a lost tail that are rendered and sent at a time. */
const RESEND_BATCH = 256;

/** Messages that are read at the same time when the stream is looked through. */
const READ_AHEAD = 64;

/** More than any pipeline has on its way; whoever lacks more has another list. */
const MAX_MISSING = 16_384;

/** What the stream holds of the list. */
export type Stored = {
  readonly placement: SequenceMap;
  /** Messages that the server had acknowledged and lost, sent again. */
  readonly resent: number;
};

/** Compares the stream with the checkpoint and makes good what a server lost. */
export async function resume(
  context: ProjectorContext,
  session: OutputSession,
  { generation, info }: OpenOutput,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<Stored> {
  const mark = checkpoint ?? { ordinal: 0n, sequence: generation.base };
  const committed = mark.sequence > 0n ? mark.sequence : 0n;
  let { lastSequence } = info;
  let resent = 0;
  if (lastSequence < committed) {
    lastSequence = await settle(context, session, info, committed, signal);
  }
  if (lastSequence < committed) {
    resent = await resend(context, session, info.stream, lastSequence, committed);
    lastSequence = committed;
  }
  if (lastSequence === committed) {
    await assertLastCommitted(context, session, info.stream, checkpoint);
    return { placement: regularMap(mark, lastSequence), resent };
  }
  // What the stream no longer keeps is ours by the count.
  const from = committed < info.firstSequence ? info.firstSequence - 1n : committed;
  const skipped = from - committed;
  const known = { ordinal: mark.ordinal + skipped, sequence: mark.sequence + skipped };
  return { placement: await locate(context, session, known, from, lastSequence), resent };
}

/** A server that is still starting may know more in a moment. */
async function settle(
  context: ProjectorContext,
  session: OutputSession,
  info: OutputInfo,
  committed: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  const { lostMessagesMs, pollMs } = context.timing;
  const until = context.elapsed() + lostMessagesMs;
  let last = info.lastSequence;
  while (last < committed && context.elapsed() < until) {
    await context.pause(pollMs, signal);
    signal.throwIfAborted();
    const now = await session.info();
    if (now === undefined) throw refusals.missing(info.stream);
    if (now.created !== info.created) {
      throw refusals.replaced(info.stream, info.created, now.created);
    }
    last = now.lastSequence;
  }
  return last;
}

/** Sends the lost tail again: same ids, same sequences. */
async function resend(
  context: ProjectorContext,
  session: OutputSession,
  stream: string,
  last: bigint,
  committed: bigint,
): Promise<number> {
  const rows = context.state.recentMessagesAfter(last);
  const oldest = rows[0];
  if (oldest === undefined || oldest.sequence !== last + 1n) {
    throw refusals.behind(stream, last, committed, 'more than the kept tail is missing');
  }
  if (oldest.recordedAt < context.now() - LOST_TAIL_MAX_AGE_MS) {
    throw refusals.behind(stream, last, committed, 'the missing messages are older than 24 hours');
  }
  if (BigInt(rows.length) !== committed - last) {
    throw refusals.behind(stream, last, committed, 'others’ messages are among the missing');
  }
  context.logger.error(
    { stream, last: String(last), committed: String(committed), missing: rows.length },
    'the server lost acknowledged messages; sending them again',
  );
  for (let at = 0; at < rows.length; at += RESEND_BATCH) {
    const batch = rows.slice(at, at + RESEND_BATCH);
    const messages = await Promise.all(batch.map((row) => rerender(context, row)));
    await session.publish(last + 1n + BigInt(at), messages);
  }
  return rows.length;
}

/** A tail row's message, made again from the log. */
async function rerender(context: ProjectorContext, row: RecentMessageRow): Promise<OutputMessage> {
  const { names, kernel, store, state } = context;
  const { stream, revision, ordinal, digest } = row;
  for await (const page of store.readStream(stream, {
    direction: 'forwards',
    from: revision,
    maxCount: 1,
  })) {
    const recorded = page[0];
    if (recorded?.id !== row.source) break;
    const step = classify(kernel, recorded);
    const place = { ordinal, digest, ruleset: row.ruleset };
    if (step.kind === 'triggered') {
      return render(draftTriggered(recorded, step.data, step.metadata, names), place, names);
    }
    if (step.kind === 'applied') {
      return render(draftApplied(recorded, step.event, step.metadata, names), place, names);
    }
    if (step.kind === 'request') {
      // Where its window began was decided under the policy of that time, and is kept.
      const [notice] = state.sentNotificationsById([{ ...subjectOf(step.data), id: row.id }]);
      if (notice === undefined) break;
      const { windowStart } = notice;
      const draft = draftNotification(recorded, step.data, step.metadata, windowStart, names);
      return render(draft, place, names);
    }
    break;
  }
  throw refusals.logShorter(`event ${revision} of ${stream}`);
}

/** The last committed message must be the one that the stream holds there, if it still holds it. */
async function assertLastCommitted(
  context: ProjectorContext,
  session: OutputSession,
  stream: string,
  checkpoint: Checkpoint | undefined,
): Promise<void> {
  const row = context.state.lastRecentMessage();
  if (checkpoint === undefined || row?.sequence !== checkpoint.sequence) return;
  const stored = await session.read(row.sequence);
  const stamp = stored && identityOf(stored);
  if (stored === undefined || (stamp !== undefined && agrees(stamp, row))) return;
  throw refusals.disagrees(stream, row.sequence, 'it was committed as another message');
}

/**
 * More is stored than was committed: by us before a crash, by another projector, or by strangers.
 * @param from messages up to here are known, or no longer kept
 */
async function locate(
  context: ProjectorContext,
  session: OutputSession,
  mark: Mark,
  from: bigint,
  end: bigint,
): Promise<SequenceMap> {
  let last: PlacedMessage | undefined;
  let regular = true;
  for await (const page of scan(session, from, end)) {
    regular = page.every((seen) => isRegular(mark, seen));
    if (!regular) break;
    const { sequence, stamp } = page.at(-1) ?? {};
    last = sequence === undefined || typeof stamp !== 'object' ? undefined : { ...stamp, sequence };
  }
  if (regular) {
    if (last === undefined) {
      const fields = { sequence: String(end) };
      context.logger.warn(fields, 'the last stored message is gone; going on by the count');
    }
    return regularMap(mark, end, last);
  }
  const seen: Seen[] = [];
  for await (const page of scan(session, from, end)) seen.push(...page);
  const placement = irregularMap(mark, seen, end, MAX_MISSING);
  if (placement === undefined) {
    const detail = 'too many messages before it are not there';
    throw refusals.disagrees(context.output.stream, end, detail);
  }
  const { foreign, missing } = placement;
  context.logger.warn(
    { foreign, missing, last: String(end) },
    missing === 0
      ? 'the output stream holds messages of others; they are counted and passed by'
      : 'messages of others took the places of ours; those are stored at the end',
  );
  return placement;
}

/** What is stored after `from` up to `to`, in order. */
export async function* scan(
  session: OutputSession,
  from: bigint,
  to: bigint,
): AsyncGenerator<readonly Seen[], void, undefined> {
  for (let at = from; at < to; at += BigInt(READ_AHEAD)) {
    const count = to - at < READ_AHEAD ? Number(to - at) : READ_AHEAD;
    yield await Promise.all(
      Array.from({ length: count }, async (_, index): Promise<Seen> => {
        const sequence = at + 1n + BigInt(index);
        const message = await session.read(sequence);
        if (message === undefined) return { sequence, stamp: 'gone' };
        return { sequence, stamp: identityOf(message) ?? 'foreign' };
      }),
    );
  }
}
