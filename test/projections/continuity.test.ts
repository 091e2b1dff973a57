// Each event must follow its predecessor in its stream; the check holds the newest streams only.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { Continuity } from '../../src/projections/publisher/continuity.ts';
import { classify } from '../../src/projections/dedupe/classify.ts';
import { Findings } from '../../src/projections/audit/verify/mismatches.ts';
import { StreamCheck } from '../../src/projections/audit/verify/streams.ts';

const TOMBSTONE = 2n ** 63n - 1n;

function anEvent(stream: string, revision: bigint, at: bigint, type = 'T'): RecordedEvent {
  const position = { commit: at, prepare: at };
  return { id: `${stream}-${revision}`, stream, revision, position, type, data: {}, metadata: {} };
}

/** A store that can be asked for the events of these streams, backwards. */
function storeOf(events: readonly RecordedEvent[]): Pick<EventStore, 'readStream'> {
  return {
    async *readStream(stream, { from }) {
      await Promise.resolve();
      const found = events.filter(
        (event) => event.stream === stream && (from === undefined || event.revision <= from),
      );
      if (found.length > 0) yield found.toReversed();
    },
  };
}

describe('continuity of streams', () => {
  const log = [
    anEvent('a', 0n, 10n),
    anEvent('a', 1n, 20n),
    anEvent('b', 0n, 30n),
    anEvent('a', 2n, 40n),
    anEvent('b', 1n, 50n),
  ];

  it('finds no gap in a whole log, from any position', async () => {
    for (let first = 0; first < log.length; first += 1) {
      const continuity = new Continuity(storeOf(log), log[first - 1]?.position);
      expect(await continuity.check(log.slice(first))).toBeUndefined();
    }
  });

  it.each([
    [0, { stream: 'a', first: 0n, last: 0n }],
    [1, { stream: 'a', first: 1n, last: 1n }],
    [2, { stream: 'b', first: 0n, last: 0n }],
  ])('names the missing event number %i', async (missing, gap) => {
    const continuity = new Continuity(storeOf(log));
    expect(await continuity.check(log.filter((_, n) => n !== missing))).toEqual(gap);
  });

  it('asks the store for streams that it no longer holds', async () => {
    const events = [...Array(20).keys()].map((n) => anEvent(`s${n}`, 0n, BigInt(n + 1)));
    const late = [anEvent('s0', 1n, 100n), anEvent('s19', 2n, 110n)];
    const whole = [...events, anEvent('s0', 1n, 100n), anEvent('s19', 1n, 105n), ...late.slice(1)];
    const continuity = new Continuity(storeOf(whole), undefined, 4);
    for (const event of events) expect(await continuity.check([event])).toBeUndefined();
    expect(await continuity.check(late.slice(0, 1))).toBeUndefined();
    expect(await continuity.check(late.slice(1))).toEqual({ stream: 's19', first: 1n, last: 1n });
  });
});

describe('events that have vanished from the log', () => {
  const kept = [anEvent('a', 0n, 10n), anEvent('b', 0n, 20n), anEvent('a', 1n, 30n)];
  const tombstone = anEvent('c', TOMBSTONE, 60n, '$streamDeleted');

  it.each([
    ['no event of a whole log', [...kept, anEvent('b', 1n, 40n)], false],
    ['an event whose predecessors are gone', [...kept, anEvent('c', 2n, 50n)], true],
    ['a tombstone alone', [...kept, tombstone], true],
    ['a tombstone behind its events', [...kept, anEvent('c', 0n, 50n), ...kept, tombstone], false],
  ])('are noticed by %s', async (_, events, hasVanished) => {
    const continuity = new Continuity(storeOf(events));
    await continuity.check(events);
    expect(continuity.hasVanished).toBe(hasVanished);
  });

  it('are not suspected where the predecessors are older than the start', async () => {
    const events = [anEvent('a', 0n, 10n), anEvent('a', 1n, 20n), anEvent('a', 2n, 30n)];
    const continuity = new Continuity(storeOf(events), { commit: 20n, prepare: 20n });
    expect(await continuity.check(events.slice(2))).toBeUndefined();
    expect(continuity.hasVanished).toBe(false);
  });
});

describe('tombstone of a stream', () => {
  const events = [anEvent('tocsin.trigger-00-x', 0n, 10n)];
  const tombstone = anEvent('tocsin.trigger-00-x', TOMBSTONE, 20n, '$streamDeleted');

  it('is no gap while it is projected', async () => {
    const continuity = new Continuity(storeOf([]));
    expect(await continuity.check([...events, tombstone])).toBeUndefined();
  });

  it('is no gap for verify', () => {
    const findings = new Findings();
    const check = new StreamCheck({ findings });
    for (const event of [...events, tombstone]) check.see(event);
    expect(findings.listed).toEqual([]);
  });

  it('is no unknown event', () => {
    expect(classify('tocsin', tombstone).kind).toBe('pass');
  });
});
