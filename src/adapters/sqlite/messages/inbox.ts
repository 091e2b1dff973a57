// The queue of requests in the message file: a request stays until its delivery is recorded in the log.
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { RequestQueue } from '../../../kernel/processes/delivery/request-queue.ts';
import { openMessageFile, type MessageFile } from './message-file.ts';
import { DEFAULT_STREAM, type SqliteMessagesOptions } from './output.ts';

/** Requests handled at once. */
const IN_HAND = 256;
/** Another process may store requests: look at this interval, in milliseconds. */
const POLL_MS = 250;
/** How often the worker looks at what it has passed, in milliseconds. */
const PASSED_EVERY_MS = 10_000;
/** A request that cannot be handled now comes again after this time, in milliseconds. */
const LATER_MS = 2_000;

type Run = Parameters<RequestQueue['run']>[0];

/**
 * The request queue of {@link sqliteOutput}. A worker in the same process is woken by each message. Two workers on
 * one file may both get a request: its delivery is recorded once.
 */
export function sqliteInbox({
  file,
  stream = DEFAULT_STREAM,
  logger = silentLogger,
}: SqliteMessagesOptions & { readonly logger?: Logger }): RequestQueue {
  return {
    async run(run) {
      using messages = openMessageFile(resolve(file));
      if (!(await mayBegin(messages, stream, run))) return;
      await Promise.all([follow(messages, logger, run), watchPassed(messages, run)]);
    },
  };
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);

/** Waits until the stream exists and the check allows it. @returns false when the signal came first */
async function mayBegin(messages: MessageFile, stream: string, run: Run): Promise<boolean> {
  while (!run.signal.aborted) {
    const info = messages.info();
    const created = info?.created;
    if (created !== undefined && (await run.check({ stream, created })) === 'go') return true;
    await messages.stored.sleep(pause, POLL_MS, run.signal);
  }
  return false;
}

/** A request may have been terminated while an older log was in place. */
async function watchPassed(messages: MessageFile, { passed, signal }: Run): Promise<void> {
  while (!signal.aborted && passed !== undefined) {
    const [first] = messages.requests(1);
    await passed(first === undefined ? (messages.info()?.lastSequence ?? 0n) : first - 1n);
    await pause(PASSED_EVERY_MS, signal);
  }
}

async function follow(
  messages: MessageFile,
  logger: Logger,
  { signal, handle }: Run,
): Promise<void> {
  const inHand = new Map<bigint, Promise<void>>();
  const take = async (sequence: bigint): Promise<void> => {
    const message = messages.read(sequence);
    if (message === undefined) return;
    const answer = await handle(message).catch((error: unknown) => {
      logger.warn({ sequence: String(sequence), err: error }, 'a request was not taken in');
      return 'nak' as const;
    });
    if (answer === 'nak') await pause(LATER_MS, signal);
    else messages.acknowledge(sequence);
  };
  while (!signal.aborted) {
    const waiting = messages.requests(IN_HAND * 2).filter((sequence) => !inHand.has(sequence));
    for (const sequence of waiting.slice(0, IN_HAND - inHand.size)) {
      const work = take(sequence).finally(() => {
        inHand.delete(sequence);
        messages.stored.wake();
      });
      inHand.set(sequence, work);
    }
    await messages.stored.sleep(pause, POLL_MS, signal);
  }
  await Promise.all(inHand.values());
}
