// Parts that follow the log while it is archived: each goes on where nothing is missing, and stops where something is.
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { archiveSource } from '../../src/adapters/archive/archive-file.ts';
import { eventStoreDbWithSystem } from '../../src/adapters/eventstore/esdb/store.ts';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { copyLog } from '../../src/kernel/copy/copy-log.ts';
import { openNotary } from '../../src/kernel/open-notary.ts';
import type { ArchiveSource } from '../../src/projections/archive/format.ts';
import { archivedLog, archivedStore } from '../../src/projections/archive/archived-log.ts';
import type { ReadableLog } from '../../src/projections/audit/reading/ports.ts';
import { archivingWorld, DAY, type ArchivingWorld } from '../support/archiving.ts';
import { testFolder, testKey } from '../support/notary.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';

/** A notary with its own state. */
function aNotary(world: ArchivingWorld, archives: readonly ArchiveSource[] = []) {
  const state = sqliteNotaryState({ file: join(testFolder(), 'notary.db'), owner: 'a test' });
  const { signer } = testKey();
  const notary = openNotary({
    log: world.store,
    state,
    signer,
    outputs: [],
    archives,
    clock: world.clock,
  });
  return { once: () => notary.once(new AbortController().signal) };
}

const INPUTS: readonly RaiseInput[] = [1, 2, 3, 4].map((n) => anInput(n, { userId: n }));

async function old(world: ArchivingWorld): Promise<void> {
  await world.project();
  for (const input of INPUTS) await raised(world.kernel, input);
  await world.project();
  world.clock.advance(30 * DAY);
}

describe('beside an archive', () => {
  it('a projector at the end of the log goes on, and one behind the archive stops', async () => {
    await using world = await archivingWorld();
    const standby = memoryReadModelStore();
    await world.project();
    await world.project({}, { state: standby.open() });
    await old(world);
    await world.archive();
    await raised(world.kernel, anInput(9));
    await world.project();
    await expect(world.project({}, { state: standby.open() })).rejects.toMatchObject({
      code: 'log_archived',
    });
    const archives = [archiveSource(world.pathOf('one.ndjson'))];
    await world.project({}, { state: standby.open(), archives });
    expect(standby.snapshot().verdicts).toEqual(world.file.snapshot().verdicts);
  });

  it('a reader that is in the middle of the log is told', async () => {
    await using world = await archivingWorld();
    await old(world);
    const options = { kernel: 'tocsin', archives: [], now: world.clock.now };
    const read = { direction: 'forwards', prefixes: ['tocsin.'] } as const;
    // The log in pages of one event, with an archive behind the first page.
    let archived: Promise<unknown> | undefined;
    const inPages: ReadableLog = {
      readStream: (...args) => world.store.readStream(...args),
      async *readAll(of) {
        const events = await eventsOf(world.store);
        for (const event of of.from === undefined ? events.slice(0, 2) : []) yield [event];
        archived ??= world.archive();
        await archived;
        for await (const page of world.store.readAll(of)) yield page;
      },
    };
    const pages = archivedLog(inPages, options).readAll(read);
    const reading = (async () => {
      for await (const _page of pages) await nextTurn();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'archived_meanwhile' });
  });

  it('a subscription from before the archive reads it first', async () => {
    await using world = await archivingWorld();
    await old(world);
    const before = await eventsOf(world.store);
    await world.archive();
    const archives = [archiveSource(world.pathOf('one.ndjson'))];
    const whole = archivedStore(world.store, { kernel: 'tocsin', archives, now: world.clock.now });
    const found: string[] = [];
    for await (const page of whole.subscribeAll({ prefixes: ['tocsin.'] })) {
      const ids = page.flatMap((entry: SubscriptionEntry) =>
        entry.kind === 'event' ? [entry.event.id] : [],
      );
      found.push(...ids);
      if (page.some(({ kind }) => kind === 'caughtUp')) break;
    }
    expect(found.slice(0, before.length)).toEqual(before.map(({ id }) => id));
    expect(found.length).toBe(before.length + 1);
  });

  it('a notary signs on, and one that has not read the archive needs it', async () => {
    await using world = await archivingWorld();
    await old(world);
    const notary = aNotary(world);
    const head = await notary.once();
    if (head === undefined) throw new Error('the log is empty');
    const wrong = { ...head, root: '0'.repeat(64) };
    await expect(world.archive({ heads: [wrong] })).rejects.toMatchObject({
      code: 'archive_head_differs',
    });
    const { heads } = await world.archive({ heads: [head] });
    expect(heads).toEqual({ covered: head.size, verified: head.size });
    await raised(world.kernel, anInput(9));
    const next = await notary.once();
    expect(next?.size).toBeGreaterThan(head.size);
    const second = aNotary(world);
    await expect(second.once()).rejects.toMatchObject({ code: 'log_archived' });
    const archives = [archiveSource(world.pathOf('one.ndjson'))];
    const third = aNotary(world, archives);
    expect((await third.once())?.root).toBe(next?.root);
  });

  it('a copy of the log is refused', async () => {
    await using world = await archivingWorld();
    await old(world);
    await world.archive();
    await using target = memoryStore();
    const copying = copyLog({
      source: world.store,
      target,
      prefixes: [],
      signal: new AbortController().signal,
      actor: 'a test',
      now: world.clock.now,
      elapsed: () => performance.now(),
      pause: () => Promise.resolve(),
      progress: () => undefined,
    });
    await expect(copying).rejects.toMatchObject({ code: 'log_archived' });
  });
});

describe('an archive through `tocsin store`', () => {
  it('removes the streams of the file that the server owns', async () => {
    await using stack = new AsyncDisposableStack();
    await using scratch = await archivingWorld();
    const front = await createFront({ file: scratch.pathOf('served.db') });
    stack.defer(front.close);
    const { store, remover } = eventStoreDbWithSystem({ connectionString: front.url });
    await using world = await archivingWorld({ owned: { ...store, ...remover } });
    await old(world);
    const { dedupeKeysSha256 } = await (await world.audit()).replay();
    const result = await world.archive();
    expect(result.removed.triggers).toBe(3);
    const left = (await eventsOf(world.store)).map(({ stream }) => stream);
    expect(left.filter((stream) => stream.startsWith('tocsin.trigger-')).length).toBe(3);
    expect(
      await world.kernel.raise(anInput(1, { requestedAt: '2026-01-01T10:00:00Z' })),
    ).toMatchObject({
      outcome: 'rejected',
      code: 'stream_deleted',
    });
    const audit = await world.audit('one.ndjson');
    expect((await audit.replay()).dedupeKeysSha256).toBe(dedupeKeysSha256);
    await world.project();
    expect((await audit.verify()).mismatches).toEqual([]);
  });

  it('is refused by a server that keeps its streams', async () => {
    await using scratch = await archivingWorld();
    const front = await createFront({ file: scratch.pathOf('served.db'), like: '24.6' });
    const { store, remover } = eventStoreDbWithSystem({ connectionString: front.url });
    const world = await archivingWorld({ owned: { ...store, ...remover } });
    await old(world);
    await expect(world.archive()).rejects.toMatchObject({ code: 'store_keeps_streams' });
    expect((await eventsOf(world.store)).some(({ type }) => type === 'LogArchived')).toBe(false);
    await world[Symbol.asyncDispose]();
    await front.close();
  });
});
