// Resumes a generation: compares the output stream with the checkpoint, and sends again the messages that a
// server has acknowledged and lost. It sends nothing else.
import { untilAborted } from '../../domain/core/signals.ts';
import { assertNotHidden } from '../../domain/ports/hidden-stream.ts';
import { draftApplied, draftNotification, draftTriggered, render } from '../dedupe/messages.ts';
import { classify } from '../dedupe/classify.ts';
import { subjectOf } from '../dedupe/sent.ts';
import type { OutputInfo, OutputMessage, OutputSession } from '../output.ts';
import type { Checkpoint, RecentMessageRow } from '../read-model.ts';
import type { ProjectorContext } from './context.ts';
import {
  identityOf,
  isSameMessage,
  irregularMap,
  isRegular,
  regularMap,
  type PlacedMessage,
  type Reached,
  type ScannedMessage,
  type SequenceMap,
} from './sequence-map.ts';
import type { OpenOutput } from './output-generation.ts';
import { refusals } from './refusals.ts';

/** Lost messages are sent again only while the oldest is younger than this. */
const LOST_MESSAGES_MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** Lost messages that are rendered and sent at a time. */
const RESEND_BATCH = 256;

/** Messages that a scan of the stream reads at the same time. */
const READ_AHEAD = 64;

/** More than a pipeline ever has in flight: a stream that lacks more is not this generation's. */
const MAX_MISSING = 16_384;

/** What a projector goes on from. */
export type Resumed = {
  readonly sequences: SequenceMap;
  /**
   * The checkpoint, or the digest of a stored message, proves the messages up to this ordinal. The stream has discarded
   * the later ones that count as stored.
   */
  readonly provenTo: bigint;
  /** Messages that the server had acknowledged and lost, sent again. */
  readonly resent: number;
};

/** Compares the stream with the checkpoint, and sends lost messages again. */
export async function resume(
  context: ProjectorContext,
  session: OutputSession,
  { generation, info }: OpenOutput,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<Resumed> {
  const reached = checkpoint ?? { ordinal: 0n, sequence: generation.base };
  const committed = reached.sequence > 0n ? reached.sequence : 0n;
  let { lastSequence } = info;
  let resent = 0;
  if (lastSequence < committed) {
    lastSequence = await watchShorter(context, session, info, committed, signal);
  }
  if (lastSequence < committed) {
    resent = await resend(context, session, info.stream, lastSequence, committed, signal);
    lastSequence = committed;
  }
  if (lastSequence === committed) {
    await assertLastCommitted(context, session, info.stream, checkpoint);
    return { sequences: regularMap(reached, lastSequence), provenTo: reached.ordinal, resent };
  }
  // Sequences that the stream has discarded are assumed to be ours.
  const from = committed < info.firstSequence ? info.firstSequence - 1n : committed;
  const skipped = from - committed;
  const known = { ordinal: reached.ordinal + skipped, sequence: reached.sequence + skipped };
  const sequences = await mapStored(context, session, known, from, lastSequence, signal);
  return { sequences, provenTo: sequences.last?.ordinal ?? reached.ordinal, resent };
}

/** Reads the end of a stream that is too short for some seconds: a starting server may recover more. */
async function watchShorter(
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

/** Sends lost messages again: same ids, same sequences. */
async function resend(
  context: ProjectorContext,
  session: OutputSession,
  stream: string,
  last: bigint,
  committed: bigint,
  signal: AbortSignal,
): Promise<number> {
  const rows = context.state.recentMessagesAfter(last);
  const oldest = rows[0];
  if (oldest === undefined || oldest.sequence !== last + 1n) {
    throw refusals.behind(stream, last, committed, 'more messages are missing than are kept');
  }
  if (oldest.recordedAt < context.now() - LOST_MESSAGES_MAX_AGE_MS) {
    throw refusals.behind(stream, last, committed, 'the missing messages are older than 24 hours');
  }
  if (BigInt(rows.length) !== committed - last) {
    throw refusals.behind(stream, last, committed, 'foreign messages are among the missing');
  }
  context.logger.error(
    { stream, last: String(last), committed: String(committed), missing: rows.length },
    'the server lost acknowledged messages; sending them again',
  );
  for (let at = 0; at < rows.length; at += RESEND_BATCH) {
    const batch = rows.slice(at, at + RESEND_BATCH);
    const rendering = Promise.all(batch.map((row) => rerender(context, row)));
    const messages = await untilAborted(rendering, signal);
    await session.publish(last + 1n + BigInt(at), messages);
  }
  return rows.length;
}

/** Makes a recent message again from the log. */
async function rerender(context: ProjectorContext, row: RecentMessageRow): Promise<OutputMessage> {
  const { names, kernel, store, state } = context;
  const { stream, revision } = row;
  const options = { direction: 'forwards', from: revision, maxCount: 1 } as const;
  for await (const [recorded] of store.readStream(stream, options)) {
    if (recorded?.id !== row.source) break;
    const event = classify(kernel, recorded);
    if (event.kind === 'triggered') {
      return render(draftTriggered(recorded, event.data, event.metadata, names), row, names);
    }
    if (event.kind === 'applied') {
      return render(draftApplied(recorded, event.event, event.metadata, names), row, names);
    }
    if (event.kind === 'request') {
      // The window was decided under the policy of that time; the read model keeps it.
      const [sent] = state.sentNotificationsById([{ ...subjectOf(event.data), id: row.id }]);
      if (sent === undefined) break;
      const { data, metadata } = event;
      const draft = draftNotification(recorded, data, metadata, sent, names);
      return render(draft, row, names);
    }
    break;
  }
  await assertNotHidden(store, stream);
  throw refusals.logShorter(`event ${revision} of ${stream}`);
}

/** The last committed message must be the stream's message at its sequence, if the stream still has it. */
async function assertLastCommitted(
  context: ProjectorContext,
  session: OutputSession,
  stream: string,
  checkpoint: Checkpoint | undefined,
): Promise<void> {
  const row = context.state.lastRecentMessage();
  if (checkpoint === undefined || row?.sequence !== checkpoint.sequence) return;
  const stored = await session.read(row.sequence);
  const identity = stored && identityOf(stored);
  if (stored === undefined || (identity !== undefined && isSameMessage(identity, row))) return;
  throw refusals.disagrees(stream, row.sequence, 'another message was committed');
}

/**
 * Maps messages that are stored but not committed: our own from before a crash, another projector's, or
 * foreign ones.
 * @param from sequences up to here are committed or discarded
 */
async function mapStored(
  context: ProjectorContext,
  session: OutputSession,
  reached: Reached,
  from: bigint,
  end: bigint,
  signal: AbortSignal,
): Promise<SequenceMap> {
  let last: PlacedMessage | undefined;
  let regular = true;
  for await (const page of scan(session, from, end)) {
    signal.throwIfAborted();
    regular = page.every((scanned) => isRegular(reached, scanned));
    if (!regular) break;
    for (const { sequence, identity } of page) {
      if (typeof identity === 'object') last = { ...identity, sequence };
    }
  }
  if (regular) {
    if (last === undefined) {
      const fields = { sequence: String(end) };
      context.logger.warn(fields, 'the stored messages are gone; they are assumed to be ours');
    }
    return regularMap(reached, end, last);
  }
  const scanned: ScannedMessage[] = [];
  for await (const page of scan(session, from, end)) {
    signal.throwIfAborted();
    scanned.push(...page);
  }
  const own = new Map(
    context.state.recentMessagesAfter(0n).map(({ ordinal, id }) => [ordinal, id]),
  );
  const other = scanned.find(({ identity }) => {
    if (typeof identity !== 'object' || identity.ordinal > reached.ordinal) return false;
    return (own.get(identity.ordinal) ?? identity.id) !== identity.id;
  });
  if (other !== undefined) {
    const detail = 'it has the headers of a projector, but another log has decided it';
    throw refusals.disagrees(context.output.stream, other.sequence, detail);
  }
  const sequences = irregularMap(reached, scanned, end, MAX_MISSING);
  if (sequences === undefined) {
    const detail = 'too many messages before it are missing';
    throw refusals.disagrees(context.output.stream, end, detail);
  }
  const { foreign, missing } = sequences;
  context.logger.warn(
    { foreign, missing, last: String(end) },
    missing === 0
      ? 'the output stream holds messages of others; they are counted and skipped'
      : 'messages of others took the sequences of ours; ours are stored at the end',
  );
  return sequences;
}

/** What is stored after `from` up to `to`, in order. */
export async function* scan(
  session: OutputSession,
  from: bigint,
  to: bigint,
): AsyncGenerator<readonly ScannedMessage[], void, undefined> {
  for (let at = from; at < to; at += BigInt(READ_AHEAD)) {
    const count = to - at < READ_AHEAD ? Number(to - at) : READ_AHEAD;
    yield await Promise.all(
      Array.from({ length: count }, async (_, index): Promise<ScannedMessage> => {
        const sequence = at + 1n + BigInt(index);
        const message = await session.read(sequence);
        if (message === undefined) return { sequence, identity: 'gone' };
        return { sequence, identity: identityOf(message) ?? 'foreign' };
      }),
    );
  }
}
