// The log holds what the projection cannot act on, in a real file: it is parked by name, what comes after
// it passes, and once it can be read an operator's retry sends it. Nothing is lost, nothing comes twice.
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { fixedClock, memoryReadModelStore, recordingOutput } from '../../src/testing.ts';
import { opened, temporaryFile } from '../adapters/embedded.support.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { appendRaw, metadata, resolvePark, triggerStreamOf } from '../support/log-edits.ts';
import { rewriteEvents, type StoredContent } from '../support/rewrite-events.ts';
import { anInput, eventsOf, QUICK, raised, START } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

type Disk = {
  readonly rewrite: (change: Parameters<typeof rewriteEvents>[1]) => void;
  /** Opens the log for some work, and closes it: a hand may edit the file in between. */
  readonly work: <T>(what: (log: Log) => Promise<T>) => Promise<T>;
  readonly parked: () => readonly string[];
  readonly stored: () => ReturnType<typeof storedList>;
};

type Log = {
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly project: () => Promise<{ readonly parked: number; readonly published: number }>;
};

function disk(): Disk {
  const file = temporaryFile();
  const state = memoryReadModelStore();
  const output = recordingOutput();
  const clock = fixedClock(START);
  return {
    rewrite(change) {
      expect(rewriteEvents(file, change)).toBeGreaterThan(0);
    },
    async work(what) {
      const store = await opened(file);
      const kernel = await openKernel({ ...scheduleProduct, store, clock });
      const project: Log['project'] = async () => {
        const common = { store, output, clock, timing: QUICK };
        return openProjector({ ...common, state: state.open() }).once();
      };
      const result = await what({ store, kernel, project });
      await kernel.close();
      await store[Symbol.asyncDispose]();
      return result;
    },
    parked: () => state.snapshot().parked.map(({ code }) => code),
    stored: () => storedList(output),
  };
}

describe('projector with a broken event in the log file', () => {
  const breaks = [
    ['broken data', 'broken_json', 'data', '{"triggerId":'],
    ['broken metadata', 'metadata_invalid', 'metadata', '{'],
    ['empty metadata', 'metadata_invalid', 'metadata', ''],
  ] as const;

  it.each(breaks)(
    'parks an event with %s, and sends it by a retry after the repair',
    async (_what, code, column, broken) => {
      const log = disk();
      await log.work(({ kernel }) => raised(kernel, anInput(1, { userId: 1 })));
      let good: Partial<StoredContent> | undefined;
      log.rewrite((event) => {
        if (event.type !== 'NotificationRequested') return undefined;
        good = { [column]: Buffer.from(event[column]) };
        return { [column]: Buffer.from(broken) };
      });
      await log.work(async ({ kernel, project }) => {
        await raised(kernel, anInput(2, { userId: 2 }));
        expect(await project()).toMatchObject({ parked: 1, published: 1 });
      });
      expect(log.parked()).toEqual([code]);
      expect(log.stored()).toHaveLength(3);
      let isFirst = true;
      log.rewrite(({ type }) => {
        if (type !== 'NotificationRequested' || !isFirst) return undefined;
        isFirst = false;
        return good;
      });
      await log.work(async ({ store, project }) => {
        const mended = (await eventsOf(store)).find(({ type }) => type === 'NotificationRequested');
        if (mended === undefined) throw new Error('it was raised');
        // Not by itself: what was parked stays parked until an operator retries it.
        expect(await project()).toMatchObject({ published: 0 });
        await resolvePark(store, mended, 'retry');
        expect(await project()).toMatchObject({ published: 1 });
        expect(await project()).toMatchObject({ published: 0 });
        const [first, second, third, last] = log.stored().map(({ id }) => id);
        const decided = (await decidedList(store)).map(({ id }) => id);
        // The same four messages; the retried one is at the position where it was decided.
        expect([first, last, second, third]).toEqual(decided);
      });
      expect(log.parked()).toEqual([]);
    },
  );
});

describe('log file that another program locks', () => {
  it('makes a raise answer unknown at its deadline, and holds its trigger once after the lock', async () => {
    const file = temporaryFile();
    const store = await opened(file);
    await using kernel = await openKernel({ ...scheduleProduct, store });
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const waiting = await kernel.raise(anInput(1), { deadlineMs: 1_000 });
    expect(waiting).toMatchObject({ outcome: 'unknown', triggerId: expect.any(String) as string });
    other.exec('ROLLBACK');
    other.close();
    const again = await kernel.raise(anInput(1));
    expect(['raised', 'duplicate']).toContain(again.outcome);
    const raisedOnes = (await eventsOf(store)).filter(({ type }) => type === 'TriggerRaised');
    expect(raisedOnes).toHaveLength(1);
  });
});

describe('event of a megabyte', () => {
  const filler = 'x'.repeat(1_000_000);

  it('is parked for its size if it leads to a message, and is skipped otherwise', async () => {
    const log = disk();
    await log.work(async ({ store, kernel, project }) => {
      const trigger = await raised(kernel, anInput(1, { userId: 1 }));
      const source = (await eventsOf(store)).find(({ type }) => type === 'TriggerRaised');
      const stored = source?.data as { readonly personal?: object };
      const data = { ...stored, personal: { ...stored.personal, payload: { filler } } };
      const metadataOf = metadata(START);
      const large = { type: 'TriggerRaised', data, metadata: metadataOf };
      const bad = await appendRaw(store, triggerStreamOf('large', '1'), large);
      const other = { type: 'Whatever', data: { filler }, metadata: {} };
      await appendRaw(store, triggerStreamOf('unknown', '1'), other);
      await raised(kernel, anInput(2, { userId: 2 }));
      expect(trigger.outcome).toBe('raised');
      expect(await project()).toMatchObject({ parked: 1, published: 2 });
      expect(log.parked()).toEqual(['message_too_large']);
      expect(log.stored()).toHaveLength(4);
      await resolvePark(store, bad, 'drop');
      await project();
    });
    expect(log.parked()).toEqual([]);
  });

  it('is rejected by raise for the size of its payload', async () => {
    await disk().work(async ({ kernel, store }) => {
      const result = await kernel.raise(anInput(1, { payload: { filler } }));
      expect(result).toMatchObject({ outcome: 'rejected' });
      expect(JSON.stringify(result)).toContain('larger than 32768 bytes');
      expect((await eventsOf(store)).map(({ type }) => type)).not.toContain('TriggerRaised');
    });
  });
});
