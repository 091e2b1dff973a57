// The request queue over a recording output, for tests: hands over its messages, and keeps the answers.
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Acknowledgement,
  RequestMessage,
  RequestQueue,
} from '../../kernel/processes/delivery/request-queue.ts';
import type { StoredMessage } from '../../projections/output.ts';

/** The messages of the queue; a recording output is such a source. */
export type RequestSource = {
  readonly stream: string;
  readonly messages: readonly StoredMessage[];
};

export type MemoryRequestQueue = RequestQueue & {
  /** The answers to messages, in order; `failed` where the handler threw. */
  readonly answers: readonly Answered[];
  /** Hands a message over once more, as a broker may. */
  readonly redeliver: (sequence: bigint) => void;
};

type Answered = { readonly sequence: bigint; readonly answer: Acknowledgement | 'failed' };
export type MemoryRequestQueueOptions = {
  readonly source: RequestSource;
  /** The creation time of the stream; default: that of the first stream of a recording output. */
  readonly created?: string | undefined;
};

const POLL_MS = 2;
const SUBJECT = /^notification\.[^.]+\.requested\./;

/** A queue in memory that keeps the promises of {@link RequestQueue} for one process. */
export function memoryRequestQueue({
  source,
  created = '2026-01-01T00:00:00.000000001Z',
}: MemoryRequestQueueOptions): MemoryRequestQueue {
  const done = new Set<bigint>();
  const inProgress = new Set<bigint>();
  const answers: Answered[] = [];
  return {
    answers,
    redeliver: (sequence) => void done.delete(sequence),
    async run({ signal, check, handle }) {
      const mine = new Set<bigint>();
      // A stopped worker holds no message: another worker gets them.
      signal.addEventListener('abort', () => {
        for (const sequence of mine) inProgress.delete(sequence);
      });
      const handleOne = async (message: RequestMessage): Promise<void> => {
        const { sequence } = message;
        inProgress.add(sequence);
        mine.add(sequence);
        const readAt = (other: bigint): Promise<StoredMessage | undefined> =>
          Promise.resolve(source.messages.find((each) => each.sequence === other));
        // A message whose handler throws comes again.
        const answer = await handle({ ...message, readAt }).catch(() => 'failed' as const);
        answers.push({ sequence, answer });
        if (answer === 'ack' || answer === 'term') done.add(sequence);
        mine.delete(sequence);
        inProgress.delete(sequence);
      };
      let mayGo = false;
      const underWay = new Set<Promise<void>>();
      while (!signal.aborted) {
        mayGo ||= (await check({ stream: source.stream, created })) === 'go';
        const fresh = source.messages.filter(
          ({ sequence, subject }) =>
            SUBJECT.test(subject) && !done.has(sequence) && !inProgress.has(sequence),
        );
        for (const message of mayGo ? fresh : []) {
          const work: Promise<void> = handleOne(message).finally(() => underWay.delete(work));
          underWay.add(work);
        }
        // The signal ends the sleep, and the loop checks it.
        await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
      await Promise.all(underWay);
    },
  };
}
