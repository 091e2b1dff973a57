// The second look: delivered events against the log, beside the delivery of more.
import { describe, expect, it } from 'vitest';
import { comparePositions } from '../../src/domain/core/positions.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { SecondLook } from '../../src/projections/publisher/second-look.ts';

const OVERDUE_MS = 10_000;

function anEvent(n: number): RecordedEvent {
  const at = BigInt(n * 10);
  const position = { commit: at, prepare: at };
  const stream = `s${n}`;
  return { id: stream, stream, revision: 0n, position, type: 'T', data: {}, metadata: {} };
}

const events = (from: number, to: number): RecordedEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => anEvent(from + n));

/** A log whose reads call `during` after each page of two events. */
function logOf(log: () => readonly RecordedEvent[], during: () => Promise<void>) {
  const store: Pick<EventStore, 'readAll'> = {
    async *readAll({ from, maxCount }) {
      const found = log().filter(
        ({ position }) => from === undefined || comparePositions(position, from) > 0,
      );
      const wanted = maxCount === undefined ? found : found.slice(0, maxCount);
      for (let at = 0; at < wanted.length; at += 2) {
        yield wanted.slice(at, at + 2);
        await during();
      }
    },
  };
  return store;
}

function aLook(log: () => readonly RecordedEvent[], during: () => Promise<void> = async () => {}) {
  let now = 0;
  const look = new SecondLook({
    store: logOf(log, during),
    prefixes: [],
    from: undefined,
    elapsed: () => now,
    overdueMs: OVERDUE_MS,
  });
  return {
    deliver: (list: readonly RecordedEvent[]) => {
      const end = list.at(-1)?.position;
      if (end !== undefined) look.delivered(list, end);
    },
    look: (isReading = true) => look.look(() => isReading, new AbortController().signal),
    shorten: () => {
      look.shorten();
    },
    pass: (ms: number) => (now += ms),
  };
}

describe('second look', () => {
  it('finds each event that was not delivered', async () => {
    const log = events(1, 9);
    for (let missing = 1; missing < 9; missing += 1) {
      const seen = aLook(() => log);
      seen.deliver(log.filter((_, n) => n !== missing - 1));
      expect(await seen.look()).toMatchObject({ stream: `s${missing}` });
    }
  });

  it('reads one event more than were delivered', async () => {
    const log = events(1, 100);
    let pages = 0;
    const seen = aLook(
      () => log,
      () => {
        pages += 1;
        return Promise.resolve();
      },
    );
    seen.deliver(log.slice(0, 5));
    await seen.look();
    // Pages of two: three with the delivered events and the next one, and one that looks for overdue events.
    expect(pages).toBeLessThanOrEqual(4);
  });

  it('compares events that are delivered while it looks with the next look', async () => {
    const log = events(1, 6);
    const seen = aLook(
      () => log,
      async () => {
        await Promise.resolve();
        if (log.length === 6) {
          log.push(...events(7, 9));
          seen.deliver([anEvent(7), anEvent(9)]);
        }
      },
    );
    seen.deliver(log.slice());
    expect(await seen.look()).toBeUndefined();
    expect(await seen.look()).toMatchObject({ stream: 's8' });
  });

  it('counts an event behind the last delivered one as skipped after a time, if it could come', async () => {
    const log = events(1, 4);
    const seen = aLook(() => log);
    seen.deliver(log.slice(0, 3));
    expect(await seen.look()).toBeUndefined();
    seen.pass(OVERDUE_MS - 1);
    expect(await seen.look()).toBeUndefined();
    seen.pass(1);
    // The subscription is lost, or the reader has not asked for more: the time begins anew.
    expect(await seen.look(false)).toBeUndefined();
    expect(await seen.look()).toBeUndefined();
    seen.pass(OVERDUE_MS);
    expect(await seen.look()).toMatchObject({ stream: 's4' });
  });

  it('keeps the first and the last part when it is shortened', async () => {
    const log = events(1, 3 * 4_096);
    const seen = aLook(() => log);
    const missing = new Set([2, 5_000, 12_000]);
    for (let at = 0; at < log.length; at += 4_096) {
      seen.deliver(log.slice(at, at + 4_096).filter((_, n) => !missing.has(at + n + 1)));
    }
    seen.shorten();
    expect(await seen.look()).toMatchObject({ stream: 's2' });
    seen.deliver(events(12_289, 12_290));
  });
});
