// The log was restored from an older copy, and the output stream was not: the stream holds messages that the log has
// not decided. Each combination of an old, a newer and no state file, and of new triggers since the restore.
import { describe, expect, it } from 'vitest';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { formatPosition } from '../../src/domain/core/positions.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { memoryReadModelStore, type MemoryReadModelStore } from '../../src/testing.ts';
import { restoredFrom } from '../support/copies.ts';
import { storedList } from '../support/decided.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

async function raiseFor(kernel: World['kernel'], users: readonly number[]): Promise<void> {
  for (const userId of users) await raised(kernel, anInput(userId, { userId }));
}

type Restored = {
  readonly world: World;
  readonly store: EventStore;
  readonly kernel: World['kernel'];
  readonly states: Readonly<Record<'old' | 'newer' | 'none', MemoryReadModelStore>>;
  /** The head of the backup. */
  readonly backup: string;
};

/** Three users are notified, the backup is made, three more are notified, and the log is restored from the backup. */
async function restored(): Promise<Restored> {
  const world = await makeWorld();
  const old = memoryReadModelStore();
  await raiseFor(world.kernel, [41, 42, 43]);
  await world.project({}, { state: old.open() });
  const backup = await eventsOf(world.store);
  await raiseFor(world.kernel, [51, 52, 53]);
  await world.project();
  const store = await restoredFrom(backup);
  const kernel = await openKernel({ ...scheduleProduct, store, clock: world.clock });
  const states = { old, newer: world.file, none: memoryReadModelStore() };
  const head = backup.at(-1)?.position;
  if (head === undefined) throw new Error('the backup is empty');
  return { world, store, kernel, states, backup: formatPosition(head) };
}

const CASES = (['old', 'newer', 'none'] as const).flatMap((state) =>
  [[], [61], [61, 62, 63], [61, 62, 63, 64, 65]].map((users) => ({ state, users })),
);

describe('projector on a restored log whose stream is further', () => {
  it.each(CASES)(
    'refuses before it counts anything, with the state file $state and new users $users',
    async ({ state, users }) => {
      const { world, store, kernel, states } = await restored();
      await raiseFor(kernel, users);
      const file = states[state];
      const before = world.output.messages.length;
      const code =
        state === 'newer' ? 'log_shorter' : users.length < 3 ? 'output_ahead' : 'output_disagrees';
      for (const _start of ['first', 'second']) {
        const projecting = world.project({}, { store, state: file.open() });
        await expect(projecting).rejects.toMatchObject({ kind: 'refused', code });
        const counted = file.snapshot().verdicts.filter(({ user }) => user?.startsWith('6'));
        expect(counted).toEqual([]);
        expect(world.output.messages).toHaveLength(before);
      }
    },
  );

  it.each(CASES)(
    'sends the messages of new users once with --resend-from, state file $state, users $users',
    async ({ state, users }) => {
      const { world, store, kernel, states, backup } = await restored();
      await raiseFor(kernel, users);
      const file = states[state];
      const before = world.output.messages.length;
      const recoveryMode = { kind: 'resend_from', position: backup } as const;
      await world.project({ recoveryMode }, { store, state: file.open() });
      expect(world.output.messages).toHaveLength(before + 2 * users.length);
      await raiseFor(kernel, [71]);
      await world.project({}, { store, state: file.open() });
      const sent = storedList(world.output).slice(before);
      expect(sent).toHaveLength(2 * users.length + 2);
      expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
    },
  );

  it.each(CASES)(
    'sends future messages only with --from-now, state file $state, users $users',
    async ({ state, users }) => {
      const { world, store, kernel, states } = await restored();
      await raiseFor(kernel, users);
      const file = states[state];
      const before = world.output.messages.length;
      await world.project({ recoveryMode: { kind: 'from_now' } }, { store, state: file.open() });
      expect(world.output.messages).toHaveLength(before);
      await raiseFor(kernel, [71, 72]);
      await world.project({}, { store, state: file.open() });
      expect(world.output.messages).toHaveLength(before + 4);
    },
  );

  it('refuses to adopt the last message, which is not of this log', async () => {
    const { world, store, states } = await restored();
    const recoveryMode = { kind: 'adopt_tail' } as const;
    await expect(
      world.project({ recoveryMode }, { store, state: states.none.open() }),
    ).rejects.toMatchObject({ code: 'nothing_to_adopt' });
  });
});

describe('two logs that write to one stream', () => {
  it('stop the projector of the first log before it counts its next message', async () => {
    const { world, store, kernel, states } = await restored();
    const recoveryMode = { kind: 'from_now' } as const;
    await world.project({ recoveryMode }, { store, state: states.none.open() });
    await raiseFor(kernel, [61]);
    await world.project({}, { store, state: states.none.open() });
    const before = world.output.messages.length;
    await raiseFor(world.kernel, [54]);
    await expect(world.project()).rejects.toMatchObject({ kind: 'refused' });
    expect(world.output.messages).toHaveLength(before);
    const counted = world.file.snapshot().verdicts.filter(({ user }) => user === '54');
    expect(counted).toEqual([]);
  });
});
