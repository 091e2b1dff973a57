// createAudit: all its functions on one log, and no way to publish in its types.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { openReadModelReader } from '../../src/adapters/sqlite/read-model.ts';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import { replaceReadModel } from '../../src/adapters/sqlite/replace.ts';
import { createAudit, type AuditOptions } from '../../src/kernel/create-audit.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { OutputSession } from '../../src/projections/output.ts';
import { readerOf } from '../support/audited.ts';
import { anInput, makeWorld, raised } from '../support/world.ts';

test('createAudit answers from a log, a read model and an output stream that it can only read', async () => {
  const world = await makeWorld();
  const { triggerId } = await raised(world.kernel, anInput(1));
  await raised(world.kernel, anInput(2));
  await world.project();
  const audit = createAudit({
    log: world.store,
    scratch: memoryReadModel,
    state: world.file.open(),
    messages: await readerOf(world),
  });
  const counts = { triggers: 2, published: 1, suppressed: 1 };
  const replayed = await audit.replay();
  expect(replayed).toMatchObject(counts);
  expect(await audit.replay({ filter: { user: '1' } })).toMatchObject({
    ...counts,
    dedupeKeysSha256: replayed.dedupeKeysSha256,
  });
  expect(await audit.replay({ filter: { user: '2' } })).toMatchObject({
    triggers: 0,
    published: 0,
  });
  expect(await audit.verify()).toMatchObject({ ...counts, mismatches: [] });
  const policy = { kind: 'rolling', count: 2, windowMs: 60_000, axis: 'requestedAt' } as const;
  const policies = new Map([['*', policy]]);
  expect(await audit.simulate({ policies })).toMatchObject({
    before: { published: 1, suppressed: 1 },
    after: { published: 2, suppressed: 0 },
    newlySent: 1,
  });
  const same = await audit.simulate({ policies, against: policies });
  expect(same).toMatchObject({ newlySent: 0, newlySuppressed: 0 });
  expect(same.after).toEqual(same.before);
  const explanation = await audit.explain(triggerId);
  expect(explanation).toMatchObject({ decision: { verdict: 'published' } });
  const user = await audit.explainUser('1', world.clock.now());
  expect(user.known).toHaveLength(2);
  expect(await audit.verifyExport(audit.redactExport(audit.export()))).toMatchObject({
    faults: [],
  });
});

test('createAudit rebuilds the read model from which a projector continues', async () => {
  const world = await makeWorld();
  await raised(world.kernel, anInput(1));
  await raised(world.kernel, anInput(2));
  await world.project();
  const audit = createAudit({
    log: world.store,
    scratch: memoryReadModel,
    messages: await readerOf(world),
  });
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-rebuild-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'state.db');
  const counts = { published: 1, suppressed: 1, parked: 0 };
  // No read model yet: rebuilds up to the event of the last message.
  const first = await replaceReadModel(file, (fresh, live) => audit.rebuild(fresh, { live }));
  expect(first).toMatchObject({ ...counts, suppressed: 0 });
  expect(first.outputSequence).toBe(BigInt(world.output.messages.length));
  const rows = () => {
    using reader = openReadModelReader(file);
    return snapshotOf(reader);
  };
  // Rebuilds up to the projector's checkpoint: equals the projector's read model.
  const own = world.file.snapshot();
  const live = own.checkpoint;
  const second = await replaceReadModel(file, (fresh) => audit.rebuild(fresh, { live }));
  expect(second).toMatchObject(counts);
  expect(rows()).toEqual(own);
  // Rebuilds up to the same checkpoint, also after the log got more events.
  await raised(world.kernel, anInput(3, { userId: 3 }));
  const before = rows();
  await replaceReadModel(file, (fresh, reached) => audit.rebuild(fresh, { live: reached }));
  expect(rows()).toEqual(before);
  await expect(
    createAudit({ log: world.store, scratch: memoryReadModel }).rebuild(memoryReadModel()),
  ).rejects.toMatchObject({ kind: 'usage', code: 'audit_incomplete' });
});

test('createAudit rebuilds nothing from a log that lacks an event, unless it is told to', async () => {
  const world = await makeWorld();
  await raised(world.kernel, anInput(1));
  await raised(world.kernel, anInput(2));
  await world.project();
  const log: AuditOptions['log'] = {
    readStream: (stream, options) => world.store.readStream(stream, options),
    async *readAll(options) {
      let isRemoved = false;
      for await (const page of world.store.readAll(options)) {
        yield page.filter(({ type }) => {
          const isFirst = !isRemoved && type === 'PreviewOffered';
          isRemoved ||= isFirst;
          return !isFirst;
        });
      }
    },
  };
  const audit = createAudit({ log, scratch: memoryReadModel, messages: await readerOf(world) });
  await expect(audit.rebuild(memoryReadModel())).rejects.toMatchObject({ code: 'log_in_doubt' });
  expect(await audit.rebuild(memoryReadModel(), { force: true })).toMatchObject({ published: 1 });
});

test('createAudit names the missing part', async () => {
  const world = await makeWorld();
  const audit = createAudit({ log: world.store, scratch: memoryReadModel });
  const incomplete = { kind: 'usage', code: 'audit_incomplete' };
  await expect(audit.verify()).rejects.toMatchObject(incomplete);
  await expect(audit.explain('x')).rejects.toMatchObject(incomplete);
});

test('createAudit has no publisher and no writer in its types', () => {
  expectTypeOf<AuditOptions['log']>().not.toExtend<Pick<EventStore, 'append'>>();
  expectTypeOf<NonNullable<AuditOptions['messages']>>().not.toExtend<
    Pick<OutputSession, 'publish'>
  >();
  expectTypeOf<NonNullable<AuditOptions['state']>>().not.toExtend<{ commit: unknown }>();
});
