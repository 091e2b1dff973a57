// The log knows which output it opened. Where NATS or the read model disagree, the projector refuses, and
// the operator’s recovery mode is recorded: old messages are never sent by accident.
import { describe, expect, it } from 'vitest';
import type { Output } from '../../src/projections/output.ts';
import { memoryReadModelStore, recordingOutput } from '../../src/testing.ts';
import { decidedList, stamped, storedList } from '../support/decided.ts';
import { openedLists, poison } from '../support/log-edits.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';
import { formatPosition } from '../../src/domain/core/positions.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

async function raiseSome({ kernel }: World, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await raised(kernel, anInput(n, { userId: n }));
}

async function projected(): Promise<World> {
  const world = await makeWorld();
  await raiseSome(world, 1, 3);
  await world.project();
  return world;
}

const waysOf = async ({ store }: World): Promise<unknown[]> =>
  (await openedLists(store)).map(({ mode }) => mode);

describe('projector at its first start', () => {
  it('refuses history older than a day, sends nothing and creates no stream', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 3);
    world.clock.advance(DAY_MS + 1);
    await expect(world.project()).rejects.toMatchObject({ kind: 'refused', code: 'old_history' });
    expect(world.output.messages).toEqual([]);
    expect(await waysOf(world)).toEqual([]);
  });

  it('refuses history older than a day also when its first event cannot be read', async () => {
    const world = await makeWorld();
    await poison(world.store);
    await raiseSome(world, 1, 1);
    world.clock.advance(DAY_MS + 1);
    await expect(world.project()).rejects.toMatchObject({ code: 'old_history' });
  });

  it('sends history that is not older than a day', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 3);
    world.clock.advance(DAY_MS);
    expect(await world.project()).toMatchObject({ triggered: 3 });
  });

  it('sends old history with the recovery mode from_start', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 3);
    world.clock.advance(DAY_MS + 1);
    const recoveryMode = { kind: 'from_start', reason: 'a new consumer' } as const;
    expect(await world.project({ recoveryMode })).toMatchObject({ triggered: 3, published: 3 });
    expect(await openedLists(world.store)).toMatchObject([
      { mode: 'from_start', publishFrom: 'start', reason: 'a new consumer' },
    ]);
  });

  it('sends only messages of future events with from_now, and keeps all verdicts', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    world.clock.advance(DAY_MS + 1);
    await raised(world.kernel, anInput(2, { requestedAt: '2026-01-01T10:05:00Z' }));
    const summary = await world.project({ recoveryMode: { kind: 'from_now' } });
    expect(summary).toMatchObject({ triggered: 0, published: 0, suppressed: 1 });
    expect(world.output.messages).toEqual([]);
    // The first one holds its window although its message never went out: it was decided.
    await raised(world.kernel, anInput(3, { requestedAt: '2026-01-01T10:06:00Z' }));
    expect(await world.project()).toMatchObject({ triggered: 1, published: 0, suppressed: 1 });
    expect(world.output.messages).toHaveLength(1);
    expect(world.output.messages[0]?.headers.get('Tocsin-Ordinal')).toBe('1');
  });

  it('refuses a stream that holds messages of another log', async () => {
    const other = await projected();
    const world = await makeWorld({ output: other.output });
    await raiseSome(world, 7, 7);
    await expect(world.project()).rejects.toMatchObject({ code: 'output_not_ours' });
    expect(world.output.messages).toHaveLength(6);
    expect(await world.project({ recoveryMode: { kind: 'from_now' } })).toMatchObject({
      triggered: 0,
    });
    await raiseSome(world, 8, 8);
    await world.project();
    expect(world.output.messages).toHaveLength(8);
  });

  it('sends nothing again when another projector opened the output a moment earlier', async () => {
    const world = await makeWorld();
    await raiseSome(world, 1, 2);
    let isFirst = true;
    const output: Output = {
      stream: world.output.stream,
      async connect(signal) {
        const session = await world.output.connect(signal);
        return {
          info: async () => {
            // This one has seen a log that has sent nothing; before it reads the stream, the other has sent.
            if (isFirst) {
              isFirst = false;
              await world.project({}, { state: memoryReadModelStore().open() });
            }
            return session.info();
          },
          read: (sequence) => session.read(sequence),
          create: (description) => session.create(description),
          publish: (first, messages) => session.publish(first, messages),
          [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
        };
      },
    };
    expect(await world.project({}, { output })).toMatchObject({ triggered: 0, published: 0 });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(await waysOf(world)).toEqual(['first']);
  });

  it('refuses a stream whose messages are gone', async () => {
    const output = recordingOutput({ existing: { base: 12n } });
    const world = await makeWorld({ output });
    await raiseSome(world, 1, 1);
    await expect(world.project()).rejects.toMatchObject({ code: 'output_not_ours' });
  });
});

describe('projector whose output is not the recorded output', () => {
  const breaks: [string, string, (world: World) => void][] = [
    [
      'missing',
      'output_missing',
      ({ output }) => {
        output.remove();
      },
    ],
    [
      'replaced by an empty one',
      'output_replaced',
      ({ output }) => {
        output.recreate();
      },
    ],
    [
      'far behind',
      'output_behind',
      ({ output, clock }) => {
        output.dropLast(6);
        clock.advance(DAY_MS + 1);
      },
    ],
  ];

  it.each(breaks)(
    'refuses an output that is %s, with and without its read model',
    async (_name, code, breakIt) => {
      const world = await projected();
      breakIt(world);
      const before = world.output.messages.length;
      await raiseSome(world, 4, 4);
      await expect(world.project()).rejects.toMatchObject({ kind: 'refused', code });
      if (code !== 'output_behind') {
        const fresh = { state: memoryReadModelStore().open() };
        await expect(world.project({}, fresh)).rejects.toMatchObject({ code });
      }
      expect(world.output.messages).toHaveLength(before);
      expect(await waysOf(world)).toEqual(['first']);
    },
  );

  it.each(breaks)('stops when its output is %s while it runs', async (_name, code, breakIt) => {
    const world = await projected();
    const projector = world.projector();
    const run = projector.run(new AbortController().signal);
    const refused = expect(run).rejects.toMatchObject({ code });
    await until('caught up', () => projector.status().caughtUp);
    breakIt(world);
    await refused;
  });

  it.each(breaks.slice(0, 2))(
    'sends only messages of future events with from_now to an output that is %s',
    async (_n, _c, breakIt) => {
      const world = await projected();
      breakIt(world);
      await raiseSome(world, 4, 4);
      const recoveryMode = { kind: 'from_now', reason: 'lost volume' } as const;
      expect(await world.project({ recoveryMode })).toMatchObject({ triggered: 0, published: 0 });
      await raiseSome(world, 5, 5);
      await world.project();
      const decided = (await decidedList(world.store)).slice(-2);
      expect(world.output.messages.map(stamped).map(({ id }) => id)).toEqual(
        decided.map(({ id }) => id),
      );
      expect(await waysOf(world)).toEqual(['first', 'from_now']);
    },
  );

  it.each(breaks.slice(0, 2))(
    'sends messages after a position with resend_from to an output that is %s',
    async (_n, _c, breakIt) => {
      const world = await projected();
      const { checkpoint } = world.file.snapshot();
      if (checkpoint === undefined) throw new Error('it was projected');
      await raiseSome(world, 4, 5);
      await world.project();
      breakIt(world);
      await raiseSome(world, 6, 6);
      const recoveryMode = {
        kind: 'resend_from',
        position: formatPosition(checkpoint.position),
      } as const;
      expect(await world.project({ recoveryMode })).toMatchObject({ triggered: 3, published: 3 });
      const decided = (await decidedList(world.store)).slice(6);
      const stored = world.output.messages.map(stamped);
      expect(stored.map(({ id }) => id)).toEqual(decided.map(({ id }) => id));
      expect(stored.map(({ ordinal }) => ordinal)).toEqual(['1', '2', '3', '4', '5', '6']);
      expect(await openedLists(world.store)).toMatchObject([
        { mode: 'first' },
        { mode: 'resend_from', publishFrom: formatPosition(checkpoint.position) },
      ]);
    },
  );

  it('continues with adopt_tail after the last message of a copy of the stream', async () => {
    const world = await projected();
    const kept = world.output.messages;
    world.output.recreate();
    for (const { subject, headers, data } of kept.slice(0, 5)) {
      world.output.insertForeign({ subject, headers: [...headers], data });
    }
    await raiseSome(world, 4, 4);
    await expect(world.project()).rejects.toMatchObject({ code: 'output_replaced' });
    const summary = await world.project({ recoveryMode: { kind: 'adopt_tail' } });
    expect(summary).toMatchObject({ triggered: 1, published: 2 });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
    expect(await waysOf(world)).toEqual(['first', 'adopt_tail']);
  });

  it('sends the missing messages with adopt_tail after the end of a stream that stays behind', async () => {
    const world = await projected();
    world.output.dropLast(3);
    world.clock.advance(DAY_MS + 1);
    await expect(world.project()).rejects.toMatchObject({ code: 'output_behind' });
    await world.project({ recoveryMode: { kind: 'adopt_tail' } });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it.each([
    [
      'missing',
      (world: World) => {
        world.output.remove();
      },
    ],
    [
      'empty',
      (world: World) => {
        world.output.recreate();
      },
    ],
    [
      'of foreign messages',
      (world: World) => {
        world.output.recreate();
        world.output.insertForeign();
      },
    ],
  ])('finds no message to adopt in an output that is %s', async (_name, breakIt) => {
    const world = await projected();
    breakIt(world);
    const recoveryMode = { kind: 'adopt_tail' } as const;
    await expect(world.project({ recoveryMode })).rejects.toMatchObject({
      code: 'nothing_to_adopt',
    });
    expect(await waysOf(world)).toEqual(['first']);
  });

  it('refuses from_start, which is for a log that has sent nothing', async () => {
    const world = await projected();
    world.output.recreate();
    const recoveryMode = { kind: 'from_start' } as const;
    await expect(world.project({ recoveryMode })).rejects.toMatchObject({ code: 'way_not_open' });
    expect(world.output.messages).toEqual([]);
  });

  it('refuses an invalid position for resend_from', async () => {
    const world = await projected();
    world.output.recreate();
    const recoveryMode = { kind: 'resend_from', position: 'yesterday' } as const;
    await expect(world.project({ recoveryMode })).rejects.toMatchObject({
      code: 'invalid_position',
    });
  });

  it('ignores a recovery mode while its output is the recorded output', async () => {
    const world = await projected();
    const recoveryMode = { kind: 'resend_from', position: '0/0' } as const;
    expect(await world.project({ recoveryMode })).toMatchObject({ triggered: 0, published: 0 });
    expect(await waysOf(world)).toEqual(['first']);
    expect(world.output.messages).toHaveLength(6);
  });
});

describe('projector without read model or with a wrong server', () => {
  it('sends nothing to an empty stream after its read model was deleted', async () => {
    const world = await projected();
    world.output.recreate();
    const fresh = { state: memoryReadModelStore().open() };
    await expect(world.project({}, fresh)).rejects.toMatchObject({ code: 'output_replaced' });
    expect(world.output.messages).toEqual([]);
  });

  it('sends nothing to another server', async () => {
    const world = await projected();
    const wrong = recordingOutput();
    await expect(world.project({}, { output: wrong })).rejects.toMatchObject({
      code: 'output_missing',
    });
    expect(wrong.messages).toEqual([]);
  });
});
