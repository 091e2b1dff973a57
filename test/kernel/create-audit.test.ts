// The audit as a library: everything of it on one world; and no way to send in its types.
import { expect, expectTypeOf, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory-read-model/read-model.ts';
import { createAudit, type AuditOptions } from '../../src/kernel/create-audit.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { OutputSession } from '../../src/projections/ports.ts';
import { anInput, makeWorld, raised } from '../support/world.ts';

test('answers on a log, a read model and a stream that it can only read', async () => {
  const world = await makeWorld();
  const { triggerId } = await raised(world.kernel, anInput(1));
  await raised(world.kernel, anInput(2));
  await world.project();
  await using session = await world.output.connect();
  const audit = createAudit({
    log: world.store,
    scratch: memoryReadModel,
    state: world.file.open(),
    messages: {
      info: () => session.info(),
      async *messages() {
        await Promise.resolve();
        yield world.output.messages;
      },
    },
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

test('says which part is missing', async () => {
  const world = await makeWorld();
  const audit = createAudit({ log: world.store, scratch: memoryReadModel });
  const incomplete = { kind: 'usage', code: 'audit_incomplete' };
  await expect(audit.verify()).rejects.toMatchObject(incomplete);
  await expect(audit.explain('x')).rejects.toMatchObject(incomplete);
});

test('there is no publisher and no writer in its types', () => {
  expectTypeOf<AuditOptions['log']>().not.toExtend<Pick<EventStore, 'append'>>();
  expectTypeOf<NonNullable<AuditOptions['messages']>>().not.toExtend<
    Pick<OutputSession, 'publish'>
  >();
  expectTypeOf<NonNullable<AuditOptions['state']>>().not.toExtend<{ commit: unknown }>();
});
