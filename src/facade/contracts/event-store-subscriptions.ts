import { expect } from './expect.ts';
import { forRandomCases } from './random.ts';
import type { ContractRunner } from './runner.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import type { EventStore, SubscriptionEntry } from '../../domain/ports/event-store.ts';
import {
  allForwards,
  events,
  eventsIn,
  follow,
  idsOf,
  placesIn,
  uniquePrefix,
  write,
  type StoreUnderTest,
} from './event-store-support.ts';

/** Writers that append until each has written its share; each knows its own stream's revision. */
async function writeBeside(
  store: EventStore,
  prefix: string,
  writers: number,
  appends: number,
): Promise<void> {
  const one = async (writer: number): Promise<void> => {
    let expected: bigint | 'no_stream' = 'no_stream';
    for (let n = 0; n < appends; n += 1) {
      const result = await write(store, `${prefix}${writer}`, expected, events(1 + (n % 3)));
      expected = result.revision;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => one(writer)));
}

/** Every event once and in order; nothing goes back; no checkpoint before an event that it covers. */
async function expectExactly(
  store: EventStore,
  prefix: string,
  entries: readonly SubscriptionEntry[],
): Promise<void> {
  expect(idsOf(eventsIn(entries))).toEqual(idsOf(await allForwards(store, prefix)));
  expectOrder(entries);
}

function expectOrder(entries: readonly SubscriptionEntry[]): void {
  const places = placesIn(entries);
  expect(places).toEqual(places.toSorted(comparePositions));
}

export function subscriptionSuite(
  { describe, test }: ContractRunner,
  { store, promises }: StoreUnderTest,
): void {
  describe('subscribeAll', () => {
    test('delivers the history, then caughtUp once, then live events', async () => {
      const prefix = uniquePrefix();
      await writeBeside(store(), prefix, 4, 5);
      const follower = follow(store(), { prefixes: [prefix] });
      await follower.untilCaughtUp();
      const history = follower.entries.findIndex(({ kind }) => kind === 'caughtUp');
      expect(idsOf(eventsIn(follower.entries.slice(0, history)))).toEqual(
        idsOf(await allForwards(store(), prefix)),
      );
      await writeBeside(store(), `${prefix}later-`, 4, 5);
      await follower.untilEvents(2 * follower.entries.slice(0, history).filter(isEvent).length);
      await follower.stop();
      await expectExactly(store(), prefix, follower.entries);
      if (!promises.saysCaughtUpOnce) return;
      expect(follower.entries.filter(({ kind }) => kind === 'caughtUp')).toHaveLength(1);
    });

    test('sends caughtUp immediately when nothing matches', async () => {
      const follower = follow(store(), { prefixes: [uniquePrefix()] });
      await follower.untilCaughtUp();
      await follower.stop();
      expect(follower.events()).toEqual([]);
    });

    test('has no gap between history and live events during appends', async () => {
      await forRandomCases(15, async (draw) => {
        const [writers, appends, before] = [draw(1, 8), draw(1, 12), draw(0, 12)];
        const prefix = uniquePrefix();
        await writeBeside(store(), `${prefix}history-`, 2, before);
        const writing = writeBeside(store(), prefix, writers, appends);
        const follower = follow(store(), { prefixes: [prefix] });
        await writing;
        const log = await allForwards(store(), prefix);
        await follower.untilEvents(log.length);
        await follower.stop();
        await expectExactly(store(), prefix, follower.entries);
      });
    });

    test('resumes from any delivered position with exactly the rest', async () => {
      const prefix = uniquePrefix();
      // Not from the beginning: a server in use has a checkpoint for each thousand events of others.
      const { position: start } = await write(store(), `${prefix}first`, 'no_stream', events(1));
      await writeBeside(store(), prefix, 3, 4);
      const whole = follow(store(), { prefixes: [prefix], from: start });
      await whole.untilCaughtUp();
      await whole.stop();
      for (const [n, entry] of whole.entries.entries()) {
        const [from] = placesIn([entry]);
        if (from === undefined) continue;
        const rest = follow(store(), { prefixes: [prefix], from });
        await rest.untilCaughtUp();
        await rest.stop();
        expect(idsOf(rest.events())).toEqual(idsOf(eventsIn(whole.entries.slice(n + 1))));
      }
    });

    test('starts after the last processed event where the log ends before the saved position', async () => {
      const prefix = uniquePrefix();
      const first = await write(store(), `${prefix}a`, 'no_stream', events(1));
      const beyond = first.position.commit + 1_000_000_000_000n;
      const from = { commit: beyond, prepare: beyond };
      const follower = follow(store(), { prefixes: [prefix], from, lastEventAt: first.position });
      await follower.untilCaughtUp();
      await write(store(), `${prefix}a`, first.revision, events(2));
      await follower.untilEvents(2);
      await follower.stop();
      const [, ...later] = await allForwards(store(), prefix);
      expect(idsOf(follower.events())).toEqual(idsOf(later));
    });

    test('advances its checkpoint over events that do not match, never past a match', async () => {
      const prefix = uniquePrefix();
      const foreign = uniquePrefix();
      await write(store(), `${prefix}a`, 'no_stream', events(1));
      const first = await write(store(), `${foreign}a`, 'no_stream', events(500));
      let last = first;
      for (let n = 0; n < 4; n += 1)
        last = await write(store(), `${foreign}a`, last.revision, events(500));
      const follower = follow(store(), { prefixes: [prefix] });
      await follower.untilCaughtUp();
      const reached = placesIn(follower.entries).at(-1);
      const least = promises.checkpointsReachTheEnd ? last.position : first.position;
      expect(reached === undefined ? -1 : comparePositions(reached, least)).toBeGreaterThanOrEqual(
        0,
      );
      await write(store(), `${foreign}b`, 'no_stream', events(300));
      await write(store(), `${prefix}a`, 0n, events(1));
      await follower.untilEvents(2);
      await follower.stop();
      await expectExactly(store(), prefix, follower.entries);
    });

    test('delivers streams with any of several prefixes', async () => {
      const prefix = uniquePrefix();
      for (const name of ['a-1', 'b-1', 'c-1', 'a-2']) {
        await write(store(), prefix + name, 'no_stream', events(1));
      }
      const follower = follow(store(), { prefixes: [`${prefix}a-`, `${prefix}c-`] });
      await follower.untilCaughtUp();
      await write(store(), `${prefix}b-2`, 'no_stream', events(1));
      await write(store(), `${prefix}c-2`, 'no_stream', events(1));
      await follower.untilEvents(4);
      await follower.stop();
      expect(follower.events().map(({ stream }) => stream.slice(prefix.length))).toEqual([
        'a-1',
        'c-1',
        'a-2',
        'c-2',
      ]);
    });

    test('does not let a slow subscriber delay another', async () => {
      const prefix = uniquePrefix();
      await writeBeside(store(), prefix, 2, 2);
      const gate = Promise.withResolvers<undefined>();
      // A page of nothing but a checkpoint may come first.
      const slow = follow(store(), { prefixes: [prefix] }, async (page) => {
        if (eventsIn(page).length > 0) await gate.promise;
      });
      await slow.untilEvents(1);
      const fast = follow(store(), { prefixes: [prefix] });
      await writeBeside(store(), `${prefix}later-`, 8, 50);
      const { length } = await allForwards(store(), prefix);
      await fast.untilEvents(length);
      expect(slow.events().length).toBeLessThan(length);
      gate.resolve(undefined);
      await slow.untilEvents(length);
      await Promise.all([slow.stop(), fast.stop()]);
      await expectExactly(store(), prefix, slow.entries);
      await expectExactly(store(), prefix, fast.entries);
    });
  });

  describe('the end of a subscription', () => {
    test('by its signal is no error at any time', async () => {
      const prefix = uniquePrefix();
      await writeBeside(store(), prefix, 1, 1);
      for await (const page of store().subscribeAll({
        prefixes: [prefix],
        signal: AbortSignal.abort(),
      })) {
        throw new Error(`a page of ${page.length}`);
      }
      const waiting = follow(store(), { prefixes: [prefix] });
      await waiting.untilCaughtUp();
      await waiting.stop();
      const abort = new AbortController();
      let pages = 0;
      for await (const _ of store().subscribeAll({ prefixes: [prefix], signal: abort.signal })) {
        pages += 1;
        abort.abort();
      }
      expect(pages).toBe(1);
    });

    test('is immediate when the reader leaves, also during a wait', async () => {
      const prefix = uniquePrefix();
      await writeBeside(store(), prefix, 1, 2);
      for await (const page of store().subscribeAll({ prefixes: [prefix] })) {
        if (eventsIn(page).length > 0) break;
      }
      const entries = store().subscribeAll({ prefixes: [uniquePrefix()] });
      const iterator = entries[Symbol.asyncIterator]();
      // The first pages lead up to caughtUp; then it waits.
      for (let live = false; !live;) {
        const next = await iterator.next();
        if (next.done === true) throw new Error('the subscription ended');
        live = next.value.some(({ kind }) => kind === 'caughtUp');
      }
      const pending = iterator.next();
      await iterator.return?.();
      expect(await pending).toEqual({ done: true, value: undefined });
    });
  });
}

const isEvent = ({ kind }: SubscriptionEntry): boolean => kind === 'event';
