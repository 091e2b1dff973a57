// Somebody with all rights changes the log and makes read model and stream again from it: all parts agree, and only a
// head that was kept elsewhere can tell.
import { expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { HeadCheck } from '../../src/projections/audit/verify/head-check.ts';
import { Findings } from '../../src/projections/audit/verify/mismatches.ts';
import { Frontier } from '../../src/projections/notary/frontier.ts';
import { HEAD_FORMAT } from '../../src/projections/notary/head.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { verified } from '../support/audited.ts';
import { anInput, eventsOf, makeWorld, QUICK, raised } from '../support/world.ts';
import { metadataOf, personal, type Log } from './real-run.support.ts';

/** The same events in a new log, with the ids and the metadata that they had. */
async function rewritten(log: Log): Promise<EventStore> {
  const store = memoryStore();
  for (const { id, stream, revision, type, data, metadata } of log) {
    const event = { id, type, data: data as never, metadata: metadata as never };
    const expected = revision === 0n ? 'no_stream' : revision - 1n;
    expect(await store.append(stream, expected, [event])).toMatchObject({ outcome: 'appended' });
  }
  return store;
}

it('a log that was rebuilt with its read model and stream is found by an old head alone', async () => {
  const world = await makeWorld();
  for (const n of [1, 2, 3])
    await raised(world.kernel, anInput(n, { userId: n, payload: { pin: n } }));
  const log = await eventsOf(world.store);
  const leaves = log.map(leafOf);
  const tree = new Frontier();
  for (const leaf of leaves) tree.add(leaf);

  const forged = personal('TriggerRaised', 1, { payload: { pin: 9 } })(log);
  const store = await rewritten(forged);
  const [output, file] = [recordingOutput(), memoryReadModelStore()];
  const state = file.open();
  await openProjector({ store, output, state, clock: world.clock, timing: QUICK }).once();
  expect(await verified({ store, output, file })).toMatchObject({ published: 3, mismatches: [] });

  const root = Buffer.from(tree.root()).toString('hex');
  const time = '2026-01-01T10:00:00.000Z';
  const about = { store: crypto.randomUUID(), position: '1/1', size: leaves.length, root, time };
  const head = { format: HEAD_FORMAT, ...about, key: 'ab'.repeat(32), signature: '' } as const;
  const findings = new Findings();
  const check = new HeadCheck({ heads: [head], leafAt: (n) => leaves[n] }, findings);
  check.see(await eventsOf(store));
  check.end();
  const at = forged.findIndex((event, index) => event !== log[index]);
  expect(findings.listed).toMatchObject([{ code: 'event_changed', where: `leaf ${at}` }]);
  expect(metadataOf(forged[at] ?? expect.fail())).toEqual(metadataOf(log[at] ?? expect.fail()));
});
