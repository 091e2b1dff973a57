// The order of one user's raises while many of them are on their way. A store writes appends in the order in which they
// are made, so a raise need not wait for the answer of the one before it. What a raise reads does depend on earlier
// raises, so it waits for the end of those with the same streams. A raise that must try again, because another writer was
// faster or an answer is missing, waits for the earlier ones to end, and holds back the ones that have not begun.
import type { Turn } from '../decider/turn.ts';

export type UserTurn = Turn & {
  /**
   * Resolves when no earlier raise may still change these streams.
   *
   * @returns whether all earlier raises have ended, so that the streams have not just been written
   */
  readonly reading: (streams: readonly string[]) => Promise<boolean>;
};

type Step = 'waiting' | 'appended' | 'again' | 'ended';

type Entry = {
  streams: readonly string[] | undefined;
  step: Step;
  /** Called after each change. */
  readonly changed: Set<() => void>;
};

export type UserOrder = {
  /** Runs a raise of a user after the earlier ones in the sense above. */
  readonly run: <T>(user: string, raise: (turn: UserTurn) => Promise<T>) => Promise<T>;
};

export function userOrder(): UserOrder {
  const entriesOf = new Map<string, Entry[]>();
  return {
    async run(user, raise) {
      const entries = entriesOf.get(user) ?? [];
      entriesOf.set(user, entries);
      const earlier = [...entries];
      const entry: Entry = { streams: undefined, step: 'waiting', changed: new Set() };
      entries.push(entry);
      try {
        return await raise(turnOf(entry, earlier));
      } finally {
        entries.splice(entries.indexOf(entry), 1);
        if (entries.length === 0) entriesOf.delete(user);
        change(entry, { step: 'ended' });
      }
    },
  };
}

function turnOf(entry: Entry, earlier: readonly Entry[]): UserTurn {
  const open = (): readonly Entry[] => earlier.filter(({ step }) => step !== 'ended');
  let isFirst = true;
  return {
    async reading(streams) {
      change(entry, { streams });
      for (const other of open()) {
        await until(other, () => other.streams !== undefined);
        if (other.streams?.some((stream) => streams.includes(stream))) await until(other);
      }
      return open().length === 0;
    },
    async next() {
      if (isFirst) {
        isFirst = false;
        for (const other of open()) await until(other, () => other.step !== 'waiting');
        for (let held = tryingAgain(); held !== undefined; held = tryingAgain()) await until(held);
        return;
      }
      change(entry, { step: 'again' });
      for (const other of open()) await until(other);
    },
    appended() {
      if (entry.step === 'waiting') change(entry, { step: 'appended' });
    },
  };

  function tryingAgain(): Entry | undefined {
    return earlier.find(({ step }) => step === 'again');
  }
}

function change(entry: Entry, to: Partial<Pick<Entry, 'streams' | 'step'>>): void {
  Object.assign(entry, to);
  for (const look of [...entry.changed]) look();
}

/** Resolves when the raise has ended, or is as wanted. */
function until(entry: Entry, isWanted = (): boolean => false): Promise<void> {
  const isReached = (): boolean => entry.step === 'ended' || isWanted();
  if (isReached()) return Promise.resolve();
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isReached()) return;
      entry.changed.delete(look);
      resolve();
    };
    entry.changed.add(look);
  });
}
