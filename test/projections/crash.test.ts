// Crashes at each step between an event and its commit: nothing is lost, and nothing goes out twice.
import { describe, expect, it } from 'vitest';
import { memoryReadModel, memoryReadModelStore } from '../../src/testing.ts';
import type { PublishFault } from '../../src/testing.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import type { ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await raised(kernel, anInput(n, { userId: 1 + (n % 3) }));
}

async function expectComplete(world: World): Promise<void> {
  expect(storedList(world.output)).toEqual(await decidedList(world.store));
}

/** What a snapshot says of verdicts; a replay has no list, so its messages have no sequence. */
function verdictsOf({ verdicts, sentNotifications, parked, reasons }: ReadModelSnapshot) {
  const placeless = verdicts.map((verdict) => ({ ...verdict, sequence: null }));
  return { verdicts: placeless, sentNotifications, parked, reasons };
}

async function expectSameAsReplay(world: World): Promise<void> {
  const replayed = memoryReadModel();
  await replay(world.store, replayed, 'tocsin');
  expect(verdictsOf(world.file.snapshot())).toEqual(verdictsOf(replayed.snapshot()));
}

describe('projector whose publish fails', () => {
  const faults: [string, PublishFault][] = [
    ['stored without an ack', 'ack_lost'],
    ['lost with the connection', { kind: 'unavailable', message: 'gone' }],
    ['refused by the fence', { kind: 'fenced', message: 'wrong last sequence' }],
    ['rejected', { kind: 'rejected', message: 'no space' }],
  ];
  it.each(faults.flatMap(([name, fault]) => [1n, 4n, 7n].map((at) => [name, at, fault] as const)))(
    'continues in the next epoch after a message was %s at ordinal %i',
    async (_name, at, fault) => {
      const world = await makeWorld();
      await raiseSome(world, 1, 6);
      world.output.failAt(at, fault);
      const summary = await world.project();
      expect(summary).toMatchObject({ suppressed: 3 });
      await expectComplete(world);
      await expectSameAsReplay(world);
      expect(world.output.sessions.opened).toBe(2);
    },
  );
});

describe('projector that replaces a dead projector', () => {
  it('stores nothing again when all messages were stored and none acknowledged', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 6);
    world.output.holdAcks();
    const stop = new AbortController();
    const dying = world.projector();
    const died = dying.run(stop.signal);
    await until('all is stored', () => world.output.messages.length === 9);
    // Its successor opens the file, so from here on its commits are refused: as good as dead.
    const successor = world.projector();
    world.output.disconnect();
    world.output.releaseAcks();
    stop.abort();
    await died;
    expect(await successor.once()).toMatchObject({ triggered: 0, published: 0, suppressed: 3 });
    expect(world.output.refused).toBe(0);
    await expectComplete(world);
    await expectSameAsReplay(world);
  });

  it('replays without its file, and sends only new messages', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 6);
    await world.project();
    await raiseSome(world, 7, 8);
    const file = memoryReadModelStore();
    const summary = await world.project({}, { state: file.open() });
    expect(summary).toMatchObject({ triggered: 2, published: 0, suppressed: 5 });
    await expectComplete(world);
  });

  it('continues by the sequence when its file and the last message are gone', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 6);
    await world.project();
    world.output.purgeTo(9n);
    await raiseSome(world, 7, 8);
    const file = memoryReadModelStore();
    expect(await world.project({}, { state: file.open() })).toMatchObject({ triggered: 2 });
    expect(world.output.messages.map(({ sequence }) => sequence)).toEqual([10n, 11n]);
    const decided = await decidedList(world.store);
    expect(storedList(world.output)).toEqual(decided.slice(9));
  });

  it('sends the second message of an event whose first message was stored', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 1);
    world.output.failAt(2n, { kind: 'unavailable', message: 'gone' });
    await world.project();
    expect(world.output.messages).toHaveLength(2);
    await expectComplete(world);
  });
});

describe('projector that loses its store connection', () => {
  it.each([1, 2, 3])('resumes without loss after page %i', async (page) => {
    const world = await makeWorld({
      faults: (operation) =>
        operation.kind === 'deliver' && operation.n === page ? { fault: 'drop' } : undefined,
    });
    await raiseSome(world, 1, 6);
    await world.project();
    await expectComplete(world);
  });

  it('waits until the store can be read again', async () => {
    let isAway = (): boolean => false;
    const world = await makeWorld({
      faults: ({ kind }) =>
        kind === 'readStream' && isAway() ? { fault: 'unavailable' } : undefined,
    });
    await raiseSome(world, 1, 6);
    const projector = world.projector();
    // The end of the log is read before: without it nobody knows how far to go.
    isAway = () => projector.status().phase !== 'stopped';
    const once = projector.once();
    await until('it has failed', () => projector.status().lastFailure !== undefined);
    expect(projector.status().phase).toBe('waiting');
    isAway = () => false;
    await once;
    await expectComplete(world);
  });
});
