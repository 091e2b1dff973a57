// Resuming: what the output stream already holds of the list, compared with what was committed
// (design section 5.4). It sends nothing but the tail that a server lost.
import type {
  StoredMessage,
  Checkpoint,
  OutputInfo,
  OutputMessage,
  OutputSession,
  TailRow,
} from '../ports.ts';
import { draftNotification, draftTriggered, render } from '../notification/messages.ts';
import { rulesetOf } from '../notification/fold.ts';
import { stepOf } from '../notification/steps.ts';
import type { RunnerContext } from './context.ts';
import { agrees, stampOf, type Stamp } from './headers.ts';
import type { OpenList } from './open-list.ts';
import { refusals } from './refusals.ts';

/** A lost tail is sent again up to this age of its oldest message. */
const LOST_TAIL_MAX_AGE_MS = 24 * 60 * 60 * 1000;

/** Messages of a lost tail that are rendered and sent at a time. */
const RESEND_BATCH = 256;

/** What the stream holds of the list. */
export type Stored = {
  /** Messages of the list that are stored; later ones are to be sent. */
  readonly ordinal: bigint;
  /** Message n of the list has sequence base + n from here on. */
  readonly base: bigint;
  /** Sequences of stored messages that others' messages have moved off the base. */
  readonly moved: ReadonlyMap<bigint, bigint>;
  /** The last stored message of ours, against which the fold is checked when it gets there. */
  readonly last: (Stamp & { readonly sequence: bigint }) | undefined;
  /** Messages without our headers, found since the last commit. */
  readonly foreign: number;
  /** Messages that the server had acknowledged and lost, sent again. */
  readonly resent: number;
};

/** Compares the stream with the checkpoint and makes good what a server lost. */
export async function resume(
  context: RunnerContext,
  session: OutputSession,
  { list, info }: OpenList,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<Stored> {
  const committed = checkpoint?.sequence ?? (list.base > 0n ? list.base : 0n);
  const ordinal = checkpoint?.ordinal ?? 0n;
  const base = checkpoint === undefined ? list.base : checkpoint.sequence - checkpoint.ordinal;
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
    return { ordinal, base, moved: new Map(), last: undefined, foreign: 0, resent };
  }
  return { ...(await locate(context, session, committed, lastSequence, ordinal, base)), resent };
}

/** A server that is still starting may know more in a moment. */
async function settle(
  context: RunnerContext,
  session: OutputSession,
  info: OutputInfo,
  committed: bigint,
  signal: AbortSignal,
): Promise<bigint> {
  const { lostTailMs, pollMs } = context.timing;
  const until = context.elapsed() + lostTailMs;
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
  context: RunnerContext,
  session: OutputSession,
  stream: string,
  last: bigint,
  committed: bigint,
): Promise<number> {
  const rows = context.state.tailAfter(last);
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
async function rerender(context: RunnerContext, row: TailRow): Promise<OutputMessage> {
  const { names, kernel, store } = context;
  const { stream, revision, ordinal, digest } = row;
  for await (const page of store.readStream(stream, {
    direction: 'forwards',
    from: revision,
    maxCount: 1,
  })) {
    const recorded = page[0];
    if (recorded?.id !== row.source) break;
    const step = stepOf(kernel, recorded);
    const place = { ordinal, digest, ruleset: row.ruleset };
    if (step.kind === 'triggered') {
      return render(draftTriggered(recorded, step.data, step.metadata, names), place, names);
    }
    if (step.kind === 'request') {
      const windowStart = rulesetOf(row.ruleset).windowStart(step.data);
      const draft = draftNotification(recorded, step.data, step.metadata, windowStart, names);
      return render(draft, place, names);
    }
    break;
  }
  throw refusals.logShorter(`event ${revision} of ${stream}`);
}

/** The last committed message must be the one that the stream holds there, if it still holds it. */
async function assertLastCommitted(
  context: RunnerContext,
  session: OutputSession,
  stream: string,
  checkpoint: Checkpoint | undefined,
): Promise<void> {
  const row = context.state.lastTail();
  if (checkpoint === undefined || row?.sequence !== checkpoint.sequence) return;
  const stored = await session.read(row.sequence);
  const stamp = stored && stampOf(stored);
  if (stored === undefined || (stamp !== undefined && agrees(stamp, row))) return;
  throw refusals.disagrees(stream, row.sequence, 'it was committed as another message');
}

/** More is stored than was committed: by us before a crash, by another projector, or by strangers. */
async function locate(
  context: RunnerContext,
  session: OutputSession,
  committed: bigint,
  lastSequence: bigint,
  ordinal: bigint,
  base: bigint,
): Promise<Omit<Stored, 'resent'>> {
  const strangers: bigint[] = [];
  let sequence = lastSequence;
  let found: StoredMessage | undefined;
  let stamp: Stamp | undefined;
  for (; sequence > committed; sequence -= 1n) {
    found = await session.read(sequence);
    stamp = found && stampOf(found);
    if (found === undefined || stamp !== undefined) break;
    strangers.push(sequence);
  }
  if (strangers.length > 0) {
    context.logger.warn(
      { foreign: strangers.length, last: String(lastSequence) },
      'the output stream holds messages of others; they are counted and passed by',
    );
  }
  const foreign = strangers.length;
  if (sequence === committed) {
    return { ordinal, base: lastSequence - ordinal, moved: new Map(), last: undefined, foreign };
  }
  if (stamp === undefined) {
    context.logger.warn(
      { sequence: String(sequence) },
      'the last stored message is gone; going on by the count',
    );
    const stored = sequence - base;
    return {
      ordinal: stored,
      base: lastSequence - stored,
      moved: new Map(),
      last: undefined,
      foreign,
    };
  }
  const last = { ...stamp, sequence };
  const moved = new Map<bigint, bigint>();
  if (sequence - stamp.ordinal !== base) {
    for (let at = committed + 1n; at <= sequence; at += 1n) {
      const message = await session.read(at);
      const own = message && stampOf(message);
      if (own !== undefined) moved.set(own.ordinal, at);
    }
  }
  return { ordinal: stamp.ordinal, base: lastSequence - stamp.ordinal, moved, last, foreign };
}
