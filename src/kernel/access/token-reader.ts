// The tokens of a log, kept in memory and never older than a second: every request asks for one.
import { accessCodec } from '../../domain/access/events.ts';
import {
  evolveAccess,
  initialAccess,
  type AccessState,
  type TokenRecord,
} from '../../domain/access/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';

/** How long a revoked token may still be taken by a process that has not looked. */
const MAX_AGE_MS = 1_000;

export type TokenReader = {
  readonly find: (tokenId: string) => Promise<TokenRecord | undefined>;
  /** The next look goes to the store. */
  readonly forget: () => void;
};

type Read = {
  readonly state: AccessState;
  /** Where the next look begins. */
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
}): TokenReader {
  let last: Read = { state: initialAccess, next: 0n, at: -Infinity };
  let looking: Promise<Read> | undefined;

  const look = async (): Promise<Read> => {
    const at = elapsed();
    let { state, next } = last;
    for await (const page of store.readStream(stream, { direction: 'forwards', from: next })) {
      for (const recorded of page) {
        const decoded = accessCodec.decode(recorded);
        // Half understood it could let in whom it should not.
        if (decoded.kind === 'fault') throw unreadable(decoded.fault.detail);
        if (decoded.kind === 'event') state = evolveAccess(state, decoded.event);
        next = recorded.revision + 1n;
      }
    }
    last = { state, next, at };
    return last;
  };
  /** One look at a time, whoever asks: a flood of unknown tokens is no flood of reads. */
  const fresh = async (): Promise<Read> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return {
    async find(tokenId) {
      const isOld = elapsed() - last.at > MAX_AGE_MS;
      const known = isOld ? undefined : last.state.get(tokenId);
      // One that is not known may have been made a moment ago.
      return known ?? (await fresh()).state.get(tokenId);
    },
    forget() {
      last = { ...last, at: -Infinity };
    },
  };
}

function unreadable(detail: string): TocsinError {
  return new TocsinError('refused', 'stream_unreadable', `the access stream: ${detail}`, {
    hint: 'A newer version may have written it; use that one.',
  });
}
