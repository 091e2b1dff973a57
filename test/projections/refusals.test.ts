// The log is not the one that the state file knows, or has events that this code cannot read: the projector stops.
import { describe, expect, it } from 'vitest';
import { controlStream } from '../../src/domain/core/ids.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { appendControlEvent, appendRaw, metadata } from '../support/log-edits.ts';
import { anInput, makeWorld, raised } from '../support/world.ts';

async function projected() {
  const world = await makeWorld();
  await raised(world.kernel, anInput(1));
  await world.project();
  return world;
}

describe('projector that checks its log', () => {
  it('refuses the log of another store', async () => {
    const world = await projected();
    const other = await makeWorld();
    await expect(world.project({}, { store: other.store })).rejects.toMatchObject({
      kind: 'refused',
      code: 'store_changed',
    });
  });

  it('refuses a log that lost processed events', async () => {
    const world = await projected();
    const owner = world.file.open();
    const checkpoint = owner.checkpoint();
    if (!checkpoint?.lastEvent) throw new Error('it was projected');
    const lastEvent = { ...checkpoint.lastEvent, revision: 99n };
    const nothing = {
      sentNotifications: [],
      amended: [],
      verdicts: [],
      recentMessages: [],
      parked: [],
      unparked: [],
    };
    owner.commit({ ...nothing, checkpoint: { ...checkpoint, lastEvent } });
    await expect(world.project()).rejects.toMatchObject({ code: 'log_shorter' });
  });

  it('refuses a log with an unknown ruleset, live and in a replay', async () => {
    const world = await projected();
    await appendControlEvent(world.store, { type: 'RulesetActivated', data: { ruleset: 2 } });
    await raised(world.kernel, anInput(2, { userId: 2 }));
    const before = world.output.messages.length;
    await expect(world.project()).rejects.toMatchObject({ code: 'ruleset_unknown' });
    expect(world.output.messages).toHaveLength(before);
    await expect(replay(world.store, memoryReadModel(), 'tocsin')).rejects.toMatchObject({
      code: 'ruleset_unknown',
    });
  });

  it('refuses a log with an unreadable control event', async () => {
    const world = await projected();
    await appendRaw(world.store, controlStream('tocsin'), {
      type: 'RulesetActivated',
      data: { ruleset: 'two' },
      metadata: metadata('2026-01-01T10:00:00Z'),
    });
    await expect(world.project()).rejects.toMatchObject({ kind: 'refused' });
    await expect(replay(world.store, memoryReadModel(), 'tocsin')).rejects.toMatchObject({
      code: 'control_unreadable',
    });
  });
});

describe('projector options', () => {
  it.each([{ subjectRoot: 'no dot' }, { subjectRoot: 'a..' }, { source: '' }, { source: 'ä' }])(
    '%o are refused as names',
    async (options) => {
      const world = await makeWorld();
      expect(() => world.projector(options)).toThrow(expect.objectContaining({ kind: 'usage' }));
    },
  );
});
