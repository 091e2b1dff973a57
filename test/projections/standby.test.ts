// Two projectors of one partition: both decide the same list, and the fence lets each sequence be written once.
import { describe, expect, it } from 'vitest';
import { memoryReadModelStore } from '../../src/testing.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, QUICK, raised, type World } from '../support/world.ts';

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await raised(kernel, anInput(n, { userId: n }));
}

const NEVER = { ...QUICK, takeoverMs: 600_000 };

describe('standby projector', () => {
  it('folds what the active projector publishes, and publishes nothing', async () => {
    const world = await makeWorld();
    const file = memoryReadModelStore();
    const active = world.projector();
    const standby = world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const runs = [active.run(stop.signal), standby.run(stop.signal, { standby: true })];
    await raiseSome(world, 1, 10);
    await until(
      'both have all, and one stands by',
      () =>
        [active, standby].every((projector) => projector.status().outputSequence === '20') &&
        standby.status().role === 'standby',
    );
    expect(standby.status()).toMatchObject({ role: 'standby', sent: { triggered: 0 } });
    expect(active.status()).toMatchObject({ role: 'active', epochs: 1 });
    expect(world.output.refused).toBe(0);
    stop.abort();
    await Promise.all(runs);
    const { verdicts, sentNotifications, recentMessages } = world.file.snapshot();
    expect(file.snapshot()).toMatchObject({ verdicts, sentNotifications, recentMessages });
  });

  it('takes over when its decided messages are not stored and the stream does not grow', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 2);
    await world.project();
    const file = memoryReadModelStore();
    const standby = world.projector({ state: file.open() });
    const stop = new AbortController();
    const run = standby.run(stop.signal, { standby: true });
    await until('it stands by', () => {
      const { caughtUp, role } = standby.status();
      return caughtUp && role === 'standby';
    });
    await raiseSome(world, 3, 4);
    await until('all is out', () => {
      const { outputSequence, role } = standby.status();
      return outputSequence === '8' && role === 'active';
    });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    stop.abort();
    await run;
  });

  it('continues in the middle of an event that the active projector has begun', async () => {
    const world = await makeWorld();
    const frozen = world.projector();
    world.output.holdAcks();
    world.output.failAt(4n, { kind: 'unavailable', message: 'frozen here' });
    await raiseSome(world, 1, 2);
    const away = new AbortController();
    const run = frozen.run(away.signal);
    await until('three of four are stored', () => world.output.messages.length === 3);
    away.abort();
    await run;
    world.output.releaseAcks();
    const file = memoryReadModelStore();
    const standby = world.projector({ state: file.open() });
    await standby.once({ standby: true });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(world.file.snapshot().checkpoint?.ordinal ?? 0n).toBe(0n);
  });
});

describe('standby projector with a full queue of pages', () => {
  /** No projector publishes, so every page that this one has decided waits. */
  async function backlogged() {
    const world = await makeWorld({ pageEntries: 1 });
    await world.project();
    const file = memoryReadModelStore();
    const standby = world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const run = standby.run(stop.signal, { standby: true });
    await raiseSome(world, 1, 10);
    await until('it waits', () => standby.status().inFlight >= 4);
    return { world, standby, stop, run };
  }

  it('stops at its signal', async () => {
    const { stop, run, world } = await backlogged();
    stop.abort();
    await run;
    expect(world.output.messages).toEqual([]);
  });

  it('reads the stream again after a foreign message', async () => {
    const { standby, stop, run, world } = await backlogged();
    world.output.insertForeign();
    await until('it has looked again', () => standby.status().foreign === 1);
    stop.abort();
    await run;
  });
});

describe('two active projectors', () => {
  it('store no message twice, and the fenced projector becomes the standby', async () => {
    const world = await makeWorld();
    const file = memoryReadModelStore();
    const first = world.projector({ timing: NEVER });
    const second = world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const runs = [first.run(stop.signal), second.run(stop.signal)];
    await raiseSome(world, 1, 40);
    const both = () => [first, second].map((projector) => projector.status());
    await until(
      'both have all, and one stands by',
      () =>
        both().every(({ outputSequence }) => outputSequence === '80') &&
        new Set(both().map(({ role }) => role)).size === 2,
    );
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    const sent = [first, second].map((projector) => projector.status().sent.triggered);
    expect((sent[0] ?? 0) + (sent[1] ?? 0)).toBe(40);
    stop.abort();
    await Promise.all(runs);
  });

  it('agree on one output record when they open the output at the same time', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 3);
    const file = memoryReadModelStore();
    const both = [world.projector(), world.projector({ state: file.open() })];
    await Promise.all(both.map((projector) => projector.once()));
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(file.snapshot().checkpoint?.output).toBe(world.file.snapshot().checkpoint?.output);
  });
});

describe('read model with a second owner', () => {
  it('stops the first owner by refusing its commits', async () => {
    const world = await makeWorld();
    const first = world.projector();
    const run = first.run(new AbortController().signal);
    const refused = expect(run).rejects.toMatchObject({ kind: 'refused' });
    await until('it is up', () => first.status().caughtUp);
    world.file.open();
    await raiseSome(world, 1, 1);
    await refused;
  });
});
