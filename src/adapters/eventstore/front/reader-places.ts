// How many readers are served at once. Each holds a page of events and unsent bytes, also one that never reads: without a
// bound a client could take all memory.
import { status } from '@grpc/grpc-js';
import { MAX_READERS } from './limits.ts';
import { Refusal } from './refusal.ts';

export type ReaderKind = keyof typeof MAX_READERS;

export type ReaderPlaces = {
  /**
   * Takes a place for as long as the reader is there.
   *
   * @param connection the address of the client's end
   * @returns what to answer when all places are taken
   */
  readonly take: (kind: ReaderKind, connection: string, gone: AbortSignal) => Refusal | undefined;
};

export function readerPlaces(): ReaderPlaces {
  const taken = { subscriptions: new Map<string, number>(), reads: new Map<string, number>() };
  const inAll = { subscriptions: 0, reads: 0 };
  return {
    take(kind, connection, gone) {
      const counts = taken[kind];
      const own = counts.get(connection) ?? 0;
      const most = MAX_READERS[kind];
      if (own >= most.perConnection) return full(kind, most.perConnection, ' of one connection');
      if (inAll[kind] >= most.inAll) return full(kind, most.inAll, '');
      if (gone.aborted) return undefined;
      counts.set(connection, own + 1);
      inAll[kind] += 1;
      gone.addEventListener(
        'abort',
        () => {
          inAll[kind] -= 1;
          const left = (counts.get(connection) ?? 1) - 1;
          if (left > 0) counts.set(connection, left);
          else counts.delete(connection);
        },
        { once: true },
      );
      return undefined;
    },
  };
}

function full(kind: ReaderKind, most: number, where: string): Refusal {
  const details = `Tocsin's store serves ${most} ${kind}${where} at once, and all are taken: end those that nobody reads.`;
  return new Refusal(status.RESOURCE_EXHAUSTED, details);
}
