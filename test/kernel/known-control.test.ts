// Commands of policies read what is new in the control stream, also when others write it or the log is put back.
import { expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { decidePolicies, type PolicyCommand } from '../../src/domain/control/policies.ts';
import { parsePolicy } from '../../src/domain/policy/text.ts';
import { changePolicies, createPolicies } from '../../src/kernel/control/policies.ts';
import { endForChange } from '../../src/kernel/control/policy-end.ts';
import { controlDecider, initialiseControl } from '../../src/kernel/control/control.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { counting } from '../support/counting-store.ts';

const TYPE = 'important_urgent_task';

function anchored(minutes: number) {
  const parsed = parsePolicy(`anchored ${minutes}m`);
  if (!parsed.ok) throw new Error('no policy');
  return parsed.value;
}

const contextOn = (store: EventStore) => ({ store, kernel: 'tocsin', runtime: systemRuntime() });

async function policiesOn(store: EventStore) {
  const context = contextOn(store);
  await initialiseControl(context);
  return createPolicies(context, [TYPE]);
}

const rolling = (minutes: number) => ({
  triggerType: TYPE,
  reason: 'a test',
  policy: { kind: 'rolling', count: 1, windowMs: minutes * 60_000 } as const,
});

test('a change of policies reads the same few events however long the control stream is', async () => {
  const { store, during } = counting(memoryStore());
  const policies = await policiesOn(store);
  for (let n = 1; n <= 200; n += 1) await policies.set(rolling(n));
  const [changed, read] = await during(() => policies.set(rolling(500)));
  expect(changed).toMatchObject({ outcome: 'changed' });
  expect(read).toBeLessThanOrEqual(2);
  const [history, again] = await during(() => policies.history());
  expect(history).toHaveLength(201);
  expect(again).toBeLessThanOrEqual(2);
});

test('changes of another process are seen, in order, and nothing is changed twice', async () => {
  const { store } = counting(memoryStore());
  const [one, other] = [await policiesOn(store), await policiesOn(store)];
  for (let n = 1; n <= 10; n += 1) {
    await (n % 2 === 0 ? one : other).set(rolling(n));
    expect(await one.set(rolling(n))).toMatchObject({ outcome: 'unchanged' });
  }
  const concurrent = [one, other, one, other].map((each, n) => each.set(rolling(100 + n)));
  for (const { outcome } of await Promise.all(concurrent)) expect(outcome).toBe('changed');
  expect(await one.history()).toEqual(await (await policiesOn(store)).history());
  expect((await one.show()).policies).toEqual((await other.show()).policies);
});

test('a log that is put back is read again', async () => {
  const { store, replace } = counting(memoryStore());
  const policies = await policiesOn(store);
  await policies.set(rolling(1));
  await policies.set(rolling(2));
  const older = memoryStore();
  await (await policiesOn(older)).set(rolling(7));
  replace(older);
  expect(await policies.history()).toHaveLength(1);
  expect(await policies.set(rolling(2))).toMatchObject({ outcome: 'changed' });
  expect(await policies.history()).toHaveLength(2);
});

test('a change in a new process reads the end of the stream, and decides as one that reads all of it', async () => {
  const counted = counting(memoryStore());
  const context = { store: counted.store, kernel: 'tocsin', runtime: systemRuntime() };
  await initialiseControl(context);
  const policies = createPolicies(context, [TYPE, 'other']);
  const cold = async (command: PolicyCommand) => {
    const [loaded, read] = await counted.during(() => endForChange(context, command));
    const decided = [loaded, await controlDecider.load(context.store, 'tocsin.control')].map(
      (known) => known && decidePolicies(known.state, command, { recordedAt: known.recordedAt }),
    );
    if (loaded !== undefined) expect(decided[0]).toEqual(decided[1]);
    return { loaded, read };
  };
  const set = (minutes: number, triggerType = TYPE) =>
    ({ kind: 'set', triggerType, reason: 'x', policy: anchored(minutes) }) as const;
  const mute = { kind: 'mute', triggerType: TYPE, reason: 'x', until: 1 } as const;
  const unmute = { kind: 'unmute', triggerType: TYPE, reason: 'x' } as const;
  expect((await cold(set(1))).loaded).toBeUndefined();

  for (let minutes = 1; minutes <= 200; minutes++) {
    expect(await policies.set(set(minutes))).toMatchObject({ outcome: 'changed' });
  }
  const { read, loaded } = await cold(set(200));
  expect(loaded).toBeDefined();
  expect(read).toBe(64);
  await cold(set(199));
  // No mute was ever recorded, so the whole stream decides; nor was a policy of another type.
  for (const command of [unmute, mute, set(1, 'other')]) {
    expect((await cold(command)).loaded).toBeUndefined();
  }
  await policies.mute({ triggerType: TYPE, reason: 'x', until: new Date(Date.now() + 60_000) });
  await policies.set(set(5));
  for (const command of [unmute, mute, set(5), set(6)]) {
    expect((await cold(command)).loaded).toBeDefined();
  }
  const change = await changePolicies(context, set(7), { loaded: (await cold(set(7))).loaded });
  expect(change).toMatchObject({ outcome: 'changed' });
  expect(await policies.show()).toMatchObject({ policies: { [TYPE]: anchored(7) } });
});
