// Keeps the tokens of a log in memory, at most a second old: every request needs one.
import { accessCodec } from '../../domain/access/events.ts';
import {
  evolveAccess,
  initialAccess,
  type AccessState,
  type TokenRecord,
} from '../../domain/access/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';

/** How long another process may still accept a revoked token. */
const MAX_AGE_MS = 1_000;

type Read = {
  readonly state: AccessState;
  /** The revision at which the next read begins. */
  readonly next: bigint;
  readonly at: number;
};

export function tokenReader({
  store,
  stream,
  elapsed,
}: {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly stream: string;
  readonly elapsed: () => number;
}) {
  let last: Read = { state: initialAccess, next: 0n, at: -Infinity };
  let reading: Promise<Read> | undefined;

  const readOn = async (): Promise<Read> => {
    const at = elapsed();
    let { state, next } = last;
    for await (const page of store.readStream(stream, { direction: 'forwards', from: next })) {
      for (const recorded of page) {
        const decoded = accessCodec.decode(recorded);
        // A stream that is only partly understood could let in a revoked token.
        if (decoded.kind === 'fault') throw unreadable(decoded.fault.detail);
        if (decoded.kind === 'event') state = evolveAccess(state, decoded.event);
        next = recorded.revision + 1n;
      }
    }
    last = { state, next, at };
    return last;
  };
  /** All callers share one read at a time, so many unknown tokens do not cause many reads. */
  const fresh = async (): Promise<Read> => {
    reading ??= readOn().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return {
    async find(tokenId: string): Promise<TokenRecord | undefined> {
      const isOld = elapsed() - last.at > MAX_AGE_MS;
      const known = isOld ? undefined : last.state.get(tokenId);
      // An unknown token may have been made a moment ago.
      return known ?? (await fresh()).state.get(tokenId);
    },
    /** The next `find` reads the store. */
    refresh(): void {
      last = { ...last, at: -Infinity };
    },
  };
}

function unreadable(detail: string): TocsinError {
  return new TocsinError('refused', 'stream_unreadable', `the access stream: ${detail}`, {
    hint: 'A newer version of Tocsin may have written the event; use that version.',
  });
}
