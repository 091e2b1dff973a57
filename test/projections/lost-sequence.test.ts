// A foreign message in the middle of a pipelined batch takes the sequence of one of ours, and the next
// ones fit again. The fence alone does not show it; resuming must.
import { expect, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import type { OutputMessage, StoredMessage } from '../../src/projections/output.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

/** A world whose stream has its list open, and the messages that the next projector will decide. */
async function undelivered(): Promise<{ world: World; messages: readonly OutputMessage[] }> {
  const world = await makeWorld();
  await world.project();
  for (const n of [1, 2, 3, 4]) await raised(world.kernel, anInput(n, { userId: n }));
  // The same log decides the same messages, whoever sends them.
  const shadow = world.projector({ state: memoryReadModel() });
  await shadow.once();
  const messages = world.output.messages.map(toSend);
  world.output.dropLast(messages.length);
  return { world, messages };
}

function toSend({ subject, headers, data }: StoredMessage): OutputMessage {
  return { subject, headers: [...headers], data };
}

/** Stores what a server would: every message at its sequence while a foreign message is written at `at`. */
async function pipelineWithStranger(world: World, messages: readonly OutputMessage[], at: number) {
  const session = await world.output.connect();
  await session.publish(1n, messages.slice(0, at));
  world.output.insertForeign();
  await session.publish(BigInt(at + 2), messages.slice(at + 1));
  await session[Symbol.asyncDispose]();
}

test.each([0, 2, 5])(
  'stores message %i once at the end after a foreign message took its sequence',
  async (at) => {
    const { world, messages } = await undelivered();
    await pipelineWithStranger(world, messages, at);
    const projector = world.projector();
    await projector.once();
    expect(projector.status().foreign).toBe(1);
    const decided = await decidedList(world.store);
    const late = decided[at];
    const others = decided.filter((message) => message !== late);
    expect(storedList(world.output)).toEqual([...others, late]);
    // A new state file, and whatever comes next, agree with that.
    await raised(world.kernel, anInput(9, { userId: 9 }));
    await world.project({}, { state: memoryReadModel() });
    await world.project();
    const next = (await decidedList(world.store)).slice(decided.length);
    expect(storedList(world.output)).toEqual([...others, late, ...next]);
  },
);
