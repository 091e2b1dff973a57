// Two projectors of one lane: both decide the same list, and the fence lets each place be written once.
import { describe, expect, it } from 'vitest';
import { memoryReadModelStore } from '../../src/testing.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { anInput, makeWorld, QUICK, raised, until, type World } from '../support/world.ts';

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await raised(kernel, anInput(n, { userId: n }));
}

const NEVER = { ...QUICK, takeoverMs: 600_000 };

describe('a standby', () => {
  it('folds what another publishes, and publishes nothing itself', async () => {
    const world = await makeWorld();
    const file = memoryReadModelStore();
    const active = await world.projector();
    const standby = await world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const runs = [active.run(stop.signal), standby.run(stop.signal, { standby: true })];
    await raiseSome(world, 1, 10);
    await until('both have all', () =>
      [active, standby].every((projector) => projector.status().outputSequence === 20n),
    );
    expect(standby.status()).toMatchObject({ role: 'standby', sent: { triggered: 0 } });
    expect(active.status()).toMatchObject({ role: 'active', epochs: 1 });
    expect(world.output.refused).toBe(0);
    stop.abort();
    await Promise.all(runs);
    const { verdicts, sentNotifications, recentMessages } = world.file.snapshot();
    expect(file.snapshot()).toMatchObject({ verdicts, sentNotifications, recentMessages });
  });

  it('takes over when what it has decided is not stored and nothing moves', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 2);
    await world.project();
    const file = memoryReadModelStore();
    const standby = await world.projector({ state: file.open() });
    const stop = new AbortController();
    const run = standby.run(stop.signal, { standby: true });
    await until('it stands by', () => standby.status().caughtUp);
    expect(standby.status().role).toBe('standby');
    await raiseSome(world, 3, 4);
    await until('all is out', () => standby.status().outputSequence === 8n);
    expect(standby.status().role).toBe('active');
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    stop.abort();
    await run;
  });

  it('goes on in the middle of an event that the other has begun', async () => {
    const world = await makeWorld();
    const frozen = await world.projector();
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
    const standby = await world.projector({ state: file.open() });
    await standby.once({ standby: true });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(world.file.snapshot().checkpoint?.ordinal ?? 0n).toBe(0n);
  });
});

describe('a standby with more pages waiting than it keeps', () => {
  /** Nobody publishes, so every page that this one has decided waits. */
  async function backlogged() {
    const world = await makeWorld({ pageEntries: 1 });
    await world.project();
    const file = memoryReadModelStore();
    const standby = await world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const run = standby.run(stop.signal, { standby: true });
    await raiseSome(world, 1, 10);
    await until('it waits', () => standby.status().inFlight >= 4);
    return { world, standby, stop, run };
  }

  it('stops when it is told to', async () => {
    const { stop, run, world } = await backlogged();
    stop.abort();
    await run;
    expect(world.output.messages).toEqual([]);
  });

  it('draws its picture of the stream again when a stranger has written', async () => {
    const { standby, stop, run, world } = await backlogged();
    world.output.insertForeign();
    await until('it has looked again', () => standby.status().foreign === 1);
    stop.abort();
    await run;
  });
});

describe('two that both publish', () => {
  it('store nothing twice; the one that is fenced stands by', async () => {
    const world = await makeWorld();
    const file = memoryReadModelStore();
    const first = await world.projector({ timing: NEVER });
    const second = await world.projector({ state: file.open(), timing: NEVER });
    const stop = new AbortController();
    const runs = [first.run(stop.signal), second.run(stop.signal)];
    await raiseSome(world, 1, 40);
    await until('both have all', () =>
      [first, second].every((projector) => projector.status().outputSequence === 80n),
    );
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    const roles = [first, second].map((projector) => projector.status().role).sort();
    expect(roles).toEqual(['active', 'standby']);
    const sent = [first, second].map((projector) => projector.status().sent.triggered);
    expect((sent[0] ?? 0) + (sent[1] ?? 0)).toBe(40);
    stop.abort();
    await Promise.all(runs);
  });

  it('that open the output at the same moment agree on one list', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 3);
    const file = memoryReadModelStore();
    const both = await Promise.all([world.projector(), world.projector({ state: file.open() })]);
    await Promise.all(both.map((projector) => projector.once()));
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(file.snapshot().checkpoint?.output).toBe(world.file.snapshot().checkpoint?.output);
  });
});

describe('a second owner of one file', () => {
  it('stops the first: its commits are refused', async () => {
    const world = await makeWorld();
    const first = await world.projector();
    const run = first.run(new AbortController().signal);
    const refused = expect(run).rejects.toMatchObject({ kind: 'refused' });
    await until('it is up', () => first.status().caughtUp);
    world.file.open();
    await raiseSome(world, 1, 1);
    await refused;
  });
});
