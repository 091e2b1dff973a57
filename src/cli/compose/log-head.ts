// Reads the head of the log from time to time, independently of the projector's subscription. So a lag is also seen
// while the subscription is interrupted or the projector waits.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeadFacts } from '../../adapters/telemetry/daemon-telemetry.ts';
import { comparePositions, parsePosition, type Position } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';

export type LogHeadOptions = {
  readonly store: Pick<EventStore, 'readAll'>;
  /** The kernel's name. */
  readonly kernel: string;
  /** The position up to which all is committed, as the projector's status has it. */
  readonly committed: () => string | undefined;
  readonly logger: Logger;
  /** Milliseconds between two reads; default 5,000. */
  readonly everyMs?: number;
};

export type LogHead = AsyncDisposable & { readonly facts: () => HeadFacts };

export function watchHead({
  store,
  kernel,
  committed,
  logger,
  everyMs = 5_000,
}: LogHeadOptions): LogHead {
  const stop = new AbortController();
  const { signal } = stop;
  let head: { readonly position: Position; readonly seenAt: number } | undefined;
  let newest: Position | undefined;
  let readAt = performance.now();
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const position = await readHead(store, kernel);
        readAt = performance.now();
        // Of a head that moves while nothing is committed, the first one that was not committed counts.
        const isBehind = head !== undefined && !isCommitted(committed(), head.position);
        newest = position ?? newest;
        if (position !== undefined && !isBehind) head = { position, seenAt: readAt };
      } catch (error) {
        // The age of the last read tells it.
        logger.debug({ err: error }, 'the head of the log could not be read');
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  };
  void watch();
  return {
    facts: () => {
      const now = performance.now();
      const isBehind = head !== undefined && !isCommitted(committed(), head.position);
      return {
        position: Number(newest?.commit ?? 0n),
        lag: isBehind && head !== undefined ? (now - head.seenAt) / 1_000 : 0,
        age: (now - readAt) / 1_000,
      };
    },
    [Symbol.asyncDispose]: () => {
      stop.abort();
      return Promise.resolve();
    },
  };
}

async function readHead(
  store: Pick<EventStore, 'readAll'>,
  kernel: string,
): Promise<Position | undefined> {
  const prefixes = projectionPrefixes(kernel);
  const pages = store.readAll({ direction: 'backwards', prefixes, maxCount: 1, onLeader: true });
  for await (const [event] of pages) if (event !== undefined) return event.position;
  return undefined;
}

function isCommitted(committed: string | undefined, head: Position): boolean {
  const position = parsePosition(committed ?? '');
  return position !== undefined && comparePositions(position, head) >= 0;
}
