// Malformed events of the control stream, dropped by an operator: every reader goes on, with the same verdicts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPolicies } from '../../src/kernel/control/policies.ts';
import { dropControlEvent } from '../../src/kernel/control/drop.ts';
import { readControl } from '../../src/kernel/control/control.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { controlStream } from '../../src/domain/core/ids.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { appendControlEvent, appendRaw, metadata } from '../support/log-edits.ts';
import { anInput, makeWorld, raised, START, type World } from '../support/world.ts';

const BAD: readonly (readonly [type: string, data: JsonObject, more?: JsonObject])[] = [
  ['RulesetActivated', { ruleset: 'two' }],
  ['NotificationPolicySet', { nonsense: true }],
  ['ParkResolved', {}],
  ['StoreInitialised', { storeId: 7 }],
  ['OutputOpened', {}, { schemaVersion: 'x' }],
];

async function malform(world: World, kind: number): Promise<string> {
  const [type, data, more] = BAD[kind] ?? BAD[0] ?? [];
  if (type === undefined || data === undefined) throw new Error('no such event');
  const event = { type, data, metadata: metadata(START, more ?? {}) };
  return (await appendRaw(world.store, controlStream('tocsin'), event)).id;
}

function drop({ store }: World, event: string): Promise<boolean> {
  const context = { store, kernel: 'tocsin', runtime: systemRuntime() };
  return dropControlEvent(context, event, 'written by nobody');
}

const steps = fc.oneof(
  fc.record({ kind: fc.constant('malform' as const), bad: fc.nat({ max: BAD.length - 1 }) }),
  fc.constant({ kind: 'raise' as const }),
  fc.constant({ kind: 'policy' as const }),
  fc.constant({ kind: 'project' as const }),
);

describe('a malformed event of the control stream', () => {
  it('stops every reader until it is dropped, and changes no verdict, live or in a replay', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { maxLength: 20 }),
        fc.integer({ min: 1, max: 6 }),
        async (history, pageEntries) => {
          const [world, clean] = [await makeWorld({ pageEntries }), await makeWorld()];
          let dropped = 0;
          for (const [n, step] of history.entries()) {
            if (step.kind === 'malform') {
              const event = await malform(world, step.bad);
              const refused = { kind: 'refused', code: 'control_unreadable' };
              await expect(world.project()).rejects.toMatchObject(refused);
              await expect(readControl(world.store, 'tocsin')).rejects.toMatchObject(refused);
              await expect(replay(world.store, memoryReadModel(), 'tocsin')).rejects.toMatchObject(
                refused,
              );
              // What was raised meanwhile is decided after the drop.
              for (const each of [world, clean]) await raised(each.kernel, anInput(100 + n));
              expect(await drop(world, event)).toBe(true);
              expect(await drop(world, event)).toBe(false);
              dropped += 1;
            } else if (step.kind === 'raise') {
              for (const each of [world, clean]) await raised(each.kernel, anInput(n + 1));
            } else if (step.kind === 'policy') {
              for (const { store } of [world, clean]) {
                const context = { store, kernel: 'tocsin', runtime: systemRuntime() };
                const policies = createPolicies(context, []);
                const policy = { kind: 'rolling' as const, count: 1, windowMs: (n + 1) * 60_000 };
                await policies.set({ triggerType: '*', policy, reason: 'a test' });
              }
            } else await world.project();
          }
          await world.project();
          await clean.project();
          const verdictsOf = ({ file }: World) =>
            file.snapshot().verdicts.map(({ verdict, reason }) => `${verdict} ${reason}`);
          expect(verdictsOf(world)).toEqual(verdictsOf(clean));
          const { checkpoint } = world.file.snapshot();
          const events = clean.file.snapshot().checkpoint?.counts.events ?? 0;
          expect(checkpoint?.counts.events).toBe(events + 2 * dropped);
          const replayed = memoryReadModel();
          await replay(world.store, replayed, 'tocsin');
          const live = world.file.snapshot();
          expect(
            replayed.snapshot().verdicts.map(({ verdict, reason }) => [verdict, reason]),
          ).toEqual(live.verdicts.map(({ verdict, reason }) => [verdict, reason]));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is not dropped by a decision that stands before it, or that names another event', async () => {
    const world = await makeWorld();
    const stream = controlStream('tocsin');
    const early = { event: crypto.randomUUID(), stream, revision: 99n, action: 'drop' as const };
    await appendControlEvent(world.store, { type: 'ParkResolved', data: early });
    await malform(world, 0);
    const other = { ...early, revision: 2n };
    await appendControlEvent(world.store, { type: 'ParkResolved', data: other });
    await expect(world.project()).rejects.toMatchObject({ code: 'control_unreadable' });
  });

  it('of a newer version is not dropped: that version may have decided by it', async () => {
    const world = await makeWorld();
    const event = {
      type: 'RulesetActivated',
      data: { ruleset: 1 },
      metadata: metadata(START, { schemaVersion: 9 }),
    };
    const { id } = await appendRaw(world.store, controlStream('tocsin'), event);
    await expect(drop(world, id)).rejects.toMatchObject({ code: 'control_unreadable' });
    await expect(drop(world, crypto.randomUUID())).resolves.toBe(false);
  });
});
