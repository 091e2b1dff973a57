// The operator's recovery mode is for one refusal: a later one stops the projector again.
import { describe, expect, it } from 'vitest';
import { openedLists } from '../support/log-edits.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

async function projected(): Promise<World> {
  const world = await makeWorld();
  for (const userId of [1, 2, 3]) await raised(world.kernel, anInput(userId, { userId }));
  await world.project();
  return world;
}

const MODES = [
  { kind: 'from_now', messages: 0 },
  { kind: 'resend_from', position: '1/1', messages: 6 },
] as const;

describe('recovery mode of a projector', () => {
  it.each(MODES)(
    '$kind is used once, not again after the next epochs',
    async ({ messages, ...recoveryMode }) => {
      const world = await projected();
      world.output.remove();
      const projector = world.projector();
      const running = projector.run(new AbortController().signal, { recoveryMode });
      const refused = expect(running).rejects.toMatchObject({ code: 'output_replaced' });
      await until('the projector to be live', () => projector.status().caughtUp);
      expect(world.output.messages).toHaveLength(messages);
      const { epochs } = projector.status();
      world.output.disconnect();
      await until('the next epoch', () => projector.status().epochs > epochs);
      await until('the projector to be live', () => projector.status().caughtUp);
      expect(world.output.messages).toHaveLength(messages);
      world.output.recreate();
      await refused;
      expect(world.output.messages).toEqual([]);
      const modes = (await openedLists(world.store)).map(({ mode }) => mode);
      expect(modes).toEqual(['first', recoveryMode.kind]);
    },
  );

  it.each(MODES)(
    '$kind is not used for a refusal that comes after a start without one',
    async ({ messages: _, ...recoveryMode }) => {
      const world = await projected();
      const projector = world.projector();
      const running = projector.run(new AbortController().signal, { recoveryMode });
      const refused = expect(running).rejects.toMatchObject({ code: 'output_replaced' });
      await until('the projector to be live', () => projector.status().caughtUp);
      // New events are read after the start is over.
      await raised(world.kernel, anInput(4, { userId: 4 }));
      await until('the new messages', () => world.output.messages.length === 8);
      world.output.recreate();
      await refused;
      expect(world.output.messages).toEqual([]);
    },
  );
});
