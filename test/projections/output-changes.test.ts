// The output stream is not as it was left: foreign messages are counted, lost ones are sent again, and
// what cannot be explained is refused.
import { describe, expect, it } from 'vitest';
import type { OutputMessage } from '../../src/projections/output.ts';
import { memoryReadModelStore } from '../../src/testing.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await raised(kernel, anInput(n, { userId: n }));
}

/** A world whose three triggers are out: six messages. */
async function projected(): Promise<World> {
  const world = await makeWorld();
  await raiseSome(world, 1, 3);
  await world.project();
  return world;
}

describe('projector with foreign messages in its stream', () => {
  it('continues after foreign messages that are older than its first start', async () => {
    const world = await makeWorld();
    const { store, output } = world;
    await raiseSome(world, 1, 1);
    await (await output.connect()).create('made by hand');
    output.insertForeign();
    output.insertForeign();
    await world.project();
    expect(storedList(output)).toEqual(await decidedList(store));
    expect(output.messages.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n]);
    expect(world.file.snapshot().verdicts[0]?.sequence).toBe(4n);
  });

  it('counts and reports foreign messages between two runs', async () => {
    const world = await projected();
    world.output.insertForeign();
    await raiseSome(world, 4, 4);
    const projector = world.projector();
    await projector.once();
    expect(projector.status()).toMatchObject({ foreign: 1, outputSequence: '9' });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(world.file.snapshot().recentMessages.at(-1)).toMatchObject({
      ordinal: 8n,
      sequence: 9n,
    });
  });

  it('reads the stream again and continues after foreign messages that come while it runs', async () => {
    const world = await projected();
    const projector = world.projector();
    const stop = new AbortController();
    const run = projector.run(stop.signal);
    await until('caught up', () => projector.status().caughtUp);
    world.output.insertForeign();
    await until('it was found', () => projector.status().foreign === 1);
    await raiseSome(world, 4, 5);
    await until('the next ones are out', () => storedList(world.output).length === 10);
    stop.abort();
    await run;
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it('keeps stored but uncommitted messages at their sequences among foreign messages', async () => {
    const world = await projected();
    const before = await world.output.connect();
    await raiseSome(world, 4, 5);
    // Another projector's work, with a foreign message in between; the file of this one has neither.
    const other = memoryReadModelStore();
    await world.project({}, { state: other.open() });
    world.output.insertForeign();
    await raiseSome(world, 6, 6);
    await world.project({}, { state: other.open() });
    await before[Symbol.asyncDispose]();
    const projector = world.projector();
    await projector.once();
    expect(projector.status()).toMatchObject({ foreign: 1, outputSequence: '13' });
    const { recentMessages } = world.file.snapshot();
    const stored = world.output.messages.flatMap(({ sequence, headers }) =>
      headers.has('ce-id') ? [[headers.get('ce-id'), sequence]] : [],
    );
    expect(recentMessages.map(({ id, sequence }) => [id, sequence])).toEqual(stored);
    await raiseSome(world, 7, 7);
    await world.project();
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });
});

describe('projector whose server lost acknowledged messages', () => {
  it('sends lost messages again with the same ids at the same sequences', async () => {
    const world = await projected();
    const before = world.output.messages;
    world.output.dropLast(3);
    await raiseSome(world, 4, 4);
    const projector = world.projector();
    expect(await projector.once()).toMatchObject({ triggered: 1, published: 1 });
    expect(projector.status()).toMatchObject({ resent: 3 });
    expect(world.output.messages.slice(0, 6)).toEqual(before);
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it('finds lost messages while it runs, and sends them again', async () => {
    const world = await projected();
    const before = world.output.messages;
    const projector = world.projector();
    const stop = new AbortController();
    const run = projector.run(stop.signal);
    await until('caught up', () => projector.status().caughtUp);
    world.output.dropLast(2);
    await until('they were sent again', () => projector.status().resent === 2);
    stop.abort();
    await run;
    expect(world.output.messages).toEqual(before);
  });

  it('does not send lost messages again that come back while it waits', async () => {
    const world = await projected();
    const [lost] = world.output.messages.slice(-1);
    if (lost === undefined) throw new Error('there is one');
    world.output.dropLast(1);
    const projector = world.projector({ timing: { ...QUICK_BUT_PATIENT } });
    const once = projector.once();
    await until('it reads the stream', () => world.output.sessions.opened === 2);
    const { subject, headers, data } = lost;
    world.output.insertForeign({ subject, headers: [...headers], data });
    await once;
    expect(projector.status().resent).toBe(0);
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it('does not send lost messages again that are older than 24 hours', async () => {
    const world = await projected();
    world.output.dropLast(1);
    world.clock.advance(24 * 60 * 60 * 1000 + 1);
    await expect(world.project()).rejects.toMatchObject({ code: 'output_behind' });
    expect(world.output.messages).toHaveLength(5);
  });
});

const QUICK_BUT_PATIENT = {
  lostTailMs: 5_000,
  takeoverMs: 20,
  pollMs: 1,
  idleCheckMs: 5,
  maxBackoffMs: 4,
};

describe('projector whose last stored message is not the log’s', () => {
  const forge = (world: World, change: (headers: Map<string, string>) => void): void => {
    const last = world.output.messages.at(-1);
    if (last === undefined) throw new Error('there is one');
    const headers = new Map(last.headers);
    change(headers);
    world.output.dropLast(1);
    const message: OutputMessage = { ...last, headers: [...headers] };
    world.output.insertForeign(message);
  };

  it.each(['ce-id', 'Tocsin-Digest', 'Tocsin-Ordinal'])(
    'refuses a last message with another %s',
    async (name) => {
      const world = await projected();
      forge(world, (headers) =>
        headers.set(name, name === 'Tocsin-Ordinal' ? '5' : '0'.repeat(64)),
      );
      await raiseSome(world, 4, 4);
      await expect(world.project()).rejects.toMatchObject({ code: 'output_disagrees' });
      expect(world.output.messages).toHaveLength(6);
    },
  );

  it('refuses it also with a new read model', async () => {
    const world = await projected();
    forge(world, (headers) => headers.set('ce-id', crypto.randomUUID()));
    const file = memoryReadModelStore();
    await expect(world.project({}, { state: file.open() })).rejects.toMatchObject({
      code: 'output_disagrees',
    });
    expect(world.output.messages).toHaveLength(6);
  });
});

describe('projector with a stream whose settings break the fence', () => {
  it('names each setting that it refuses', async () => {
    const world = await projected();
    world.output.faults = ['max_msgs is 100'];
    await expect(world.project()).rejects.toMatchObject({
      code: 'output_settings',
      message: expect.stringContaining('max_msgs is 100') as string,
    });
  });
});
