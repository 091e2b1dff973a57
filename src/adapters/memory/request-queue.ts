// The inbox of a recording output, for tests: hands over what was stored there, and notes what became
// of each message.
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  RequestMessage,
  RequestQueue,
  Acknowledgement,
} from '../../kernel/processes/delivery/request-queue.ts';
import type { StoredMessage } from '../../projections/output.ts';

/** What the inbox reads from; a recording output is one. */
export type RequestSource = {
  readonly stream: string;
  readonly messages: readonly StoredMessage[];
};

/** An inbox that can be looked into. */
export type MemoryRequestQueue = RequestQueue & {
  /** What was said about each message, in order; `failed` where the handler threw. */
  readonly settled: readonly {
    readonly sequence: bigint;
    readonly settlement: Acknowledgement | 'failed';
  }[];
  /** Hands a message over once more, as a broker may. */
  readonly again: (sequence: bigint) => void;
};

export type MemoryRequestQueueOptions = {
  readonly source: RequestSource;
  /** The stream's creation time; default that of a recording output's first stream. */
  readonly created?: string | undefined;
};

const POLL_MS = 2;
const SUBJECT = /^notification\.[^.]+\.requested\./;

/** An inbox in memory. It promises what {@link RequestQueue} promises, for one process. */
export function memoryRequestQueue({
  source,
  created,
}: MemoryRequestQueueOptions): MemoryRequestQueue {
  const over = new Set<bigint>();
  const inHand = new Set<bigint>();
  const settled: { sequence: bigint; settlement: Acknowledgement | 'failed' }[] = [];
  return {
    settled,
    again: (sequence) => void over.delete(sequence),
    async run({ signal, check, handle }) {
      const identity = {
        stream: source.stream,
        created: created ?? '2026-01-01T00:00:00.000000001Z',
      };
      const one = async (message: RequestMessage): Promise<void> => {
        const { sequence } = message;
        inHand.add(sequence);
        mine.add(sequence);
        let settlement: Acknowledgement | 'failed';
        try {
          settlement = await handle(message);
        } catch {
          // As the port says: it comes again.
          settlement = 'failed';
        }
        settled.push({ sequence, settlement });
        if (settlement === 'done' || settlement === 'never') over.add(sequence);
        mine.delete(sequence);
        inHand.delete(sequence);
      };
      // Whoever is gone holds nothing: what it had in hand goes to another.
      const mine = new Set<bigint>();
      signal.addEventListener('abort', () => {
        for (const sequence of mine) inHand.delete(sequence);
      });
      let mayGo = false;
      const under = new Set<Promise<void>>();
      while (!signal.aborted) {
        mayGo ||= (await check(identity)) === 'go';
        const fresh = source.messages.filter(
          ({ sequence, subject }) =>
            SUBJECT.test(subject) && !over.has(sequence) && !inHand.has(sequence),
        );
        for (const message of mayGo ? fresh : []) {
          const work: Promise<void> = one(message).finally(() => under.delete(work));
          under.add(work);
        }
        // The signal ends the wait, and the loop sees it.
        await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
      await Promise.all(under);
    },
  };
}
