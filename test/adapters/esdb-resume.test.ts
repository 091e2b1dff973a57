// Subscriptions that resume anywhere, against a model of real servers: nothing is skipped, and nothing comes twice.
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import type { Position } from '../../src/domain/core/positions.ts';
import { ServerModel, type ServerVersion } from '../support/server-model.ts';

/** What happens to the log, one step after the other. */
type Step =
  | { readonly does: 'own' | 'foreign' | 'hidden'; readonly count: number }
  | { readonly does: 'scavenge'; readonly nth: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      does: fc.constantFrom('own' as const, 'foreign' as const, 'hidden' as const),
      count: fc.integer({ min: 1, max: 12 }),
    }),
    fc.record({ does: fc.constant('scavenge' as const), nth: fc.nat(100) }),
  ),
  { minLength: 1, maxLength: 8 },
);

function perform(model: ServerModel, list: readonly Step[]): void {
  for (const step of list) {
    if (step.does === 'scavenge') {
      const foreign = model.records.filter(({ stream }) => stream.startsWith('foreign'));
      const record = foreign[step.nth % Math.max(foreign.length, 1)];
      if (record !== undefined) record.isScavenged = true;
      continue;
    }
    for (let n = 0; n < step.count; n += 1) {
      model.append(step.does === 'own' ? `own-${n % 3}` : step.does, step.does === 'hidden');
    }
  }
}

function ownIds({ records }: ServerModel): string[] {
  return records.filter(({ stream }) => stream.startsWith('own')).map(({ id }) => id);
}

async function aModel(version: ServerVersion): Promise<{ model: ServerModel; store: EventStore }> {
  const model = new ServerModel(version);
  const store = eventStoreDb({ connectionString: await model.start() });
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    model.stop();
  });
  return { model, store };
}

type Reader = { readonly entries: readonly SubscriptionEntry[]; readonly ids: () => string[] };

/** Reads until `enough`, and saves everything. */
async function readUntil(
  store: EventStore,
  from: Position | undefined,
  enough: (reader: Reader) => boolean,
): Promise<Reader> {
  const stop = new AbortController();
  const entries: SubscriptionEntry[] = [];
  const ids = (): string[] =>
    entries.flatMap((entry) => (entry.kind === 'event' ? [entry.event.id] : []));
  const reader = { entries, ids };
  const options = { prefixes: ['own-'], from, signal: stop.signal };
  for await (const page of store.subscribeAll(options)) {
    entries.push(...page);
    if (enough(reader)) stop.abort();
  }
  return reader;
}

/** The places that a reader can save: after each event and each checkpoint, with the events up to there. */
function savedPlaces({ entries }: Reader): { at: Position; events: number }[] {
  let events = 0;
  return entries.flatMap((entry) => {
    if (entry.kind === 'event') events += 1;
    if (entry.kind === 'event') return [{ at: entry.event.position, events }];
    return entry.kind === 'checkpoint' ? [{ at: entry.position, events }] : [];
  });
}

const versions = ['23.10', '24.6'] as const;

describe('subscription to a server', () => {
  test.each(versions)(
    'like %s resumes at every place that it can save, after any change of foreign events',
    async (version) => {
      const { model, store } = await aModel(version);
      const property = fc.asyncProperty(
        steps,
        steps,
        fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        async (before, after, breaks, picks) => {
          model.records = [];
          model.append('hidden', true);
          perform(model, before);
          model.append('own-last');
          model.breaks = [...breaks];
          const first = await readUntil(store, undefined, ({ ids, entries }) => {
            const isLive = entries.some(({ kind }) => kind === 'caughtUp');
            return isLive && ids().length === ownIds(model).length;
          });
          expect(first.ids()).toEqual(ownIds(model));
          perform(model, after);
          model.append('own-last');
          const places = savedPlaces(first);
          for (let n = 0; n < 3; n += 1) {
            const place = places[(picks.next().value ?? 0) % places.length];
            if (place === undefined) return;
            model.breaks = [...breaks];
            const expected = ownIds(model).slice(place.events);
            const last = expected.at(-1);
            const rest = await readUntil(store, place.at, ({ ids }) => ids().at(-1) === last);
            expect(rest.ids()).toEqual(expected);
          }
        },
      );
      await fc.assert(property, { numRuns: 30 });
    },
  );

  const few = versions.flatMap((version) => [
    { version, owns: 1 },
    { version, owns: 0 },
  ]);
  test.each(few)(
    'like $version reads few foreign events again, after $owns own events',
    async ({ version, owns }) => {
      const { model, store } = await aModel(version);
      model.append('hidden', true);
      if (owns > 0) model.append('own-1');
      for (let n = 0; n < 1_000; n += 1) model.append('foreign');
      let isMore = false;
      const reader = await readUntil(store, undefined, ({ entries }) => {
        if (!isMore && entries.some(({ kind }) => kind === 'caughtUp')) {
          isMore = true;
          for (let n = 0; n < 100; n += 1) model.append('foreign');
        }
        const place = savedPlaces({ entries, ids: () => [] }).at(-1)?.at.commit ?? 0n;
        // Two windows of four records, and the page that was not full.
        return isMore && model.records.filter(({ commit }) => commit >= place).length <= 16;
      });
      expect(reader.ids()).toHaveLength(owns);
    },
  );

  test.each(versions)(
    'like %s notices a log that was restored while it was connected, or misses nothing',
    async (version) => {
      const { model, store } = await aModel(version);
      const property = fc.asyncProperty(steps, fc.nat(100), steps, async (before, cut, after) => {
        model.records = [];
        model.breaks = [];
        model.append('hidden', true);
        perform(model, before);
        model.append('own-last');
        const backup = model.records.slice(0, 1 + (cut % model.records.length));
        let isRestored = false;
        const reading = readUntil(store, undefined, ({ ids, entries }) => {
          if (!isRestored && entries.some(({ kind }) => kind === 'caughtUp')) {
            isRestored = true;
            model.records = backup;
            model.drop();
            perform(model, after);
            model.append('own-end');
          }
          return ids().at(-1) === ownIds(model).at(-1);
        });
        const outcome = await reading.catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'log_changed' });
        else expect(outcome).toMatchObject({});
        const isWhole = !(outcome instanceof Error);
        if (!isWhole) return;
        const got = new Set((outcome as Reader).ids());
        expect(ownIds(model).filter((id) => !got.has(id))).toEqual([]);
      });
      await fc.assert(property, { numRuns: 30 });
    },
  );
});
