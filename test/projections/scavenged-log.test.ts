// Events of Tocsin's own streams were scavenged, and the state file is new: the log decides fewer messages than the stream
// holds. A new message must not be taken for a stored one.
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import { memoryReadModelStore } from '../../src/testing.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

type Edit = (event: RecordedEvent) => readonly RecordedEvent[];

/** The log as a scavenge leaves it. */
function scavenged(store: EventStore, edit: Edit): EventStore {
  return {
    ...store,
    async *readStream(stream, options) {
      for await (const page of store.readStream(stream, options)) {
        yield page.flatMap(edit).filter((event) => event.type !== '$streamDeleted');
      }
    },
    async *readAll(options) {
      for await (const page of store.readAll(options)) yield page.flatMap(edit);
    },
    async *subscribeAll(options) {
      for await (const page of store.subscribeAll(options)) {
        yield page.flatMap((entry): readonly SubscriptionEntry[] =>
          entry.kind === 'event'
            ? edit(entry.event).map((event) => ({ kind: 'event', event }))
            : [entry],
        );
      }
    },
  };
}

/** What a scavenge leaves of a stream whose three events are of one append. */
const SCAVENGES: Readonly<Record<string, Edit>> = {
  'metadata leave its last event': (event) => (event.revision < 2n ? [] : [event]),
  'a tombstone leaves nothing': (event) =>
    event.revision < 2n
      ? []
      : [{ ...event, type: '$streamDeleted', revision: 2n ** 63n - 1n, data: {} }],
};

async function raiseFor(world: World, users: readonly number[]): Promise<void> {
  for (const userId of users) await raised(world.kernel, anInput(userId, { userId }));
}

/** Four users are notified, by eight messages; then the trigger streams of two are scavenged, and new users come. */
async function scavengedWorld(edit: Edit, newUsers: readonly number[], pageEntries: number) {
  const world = await makeWorld({ pageEntries });
  await raiseFor(world, [1, 2, 3, 4]);
  await world.project();
  const streams = new Set((await eventsOf(world.store)).map(({ stream }) => stream));
  const gone = [...streams].filter((stream) => stream.startsWith('tocsin.trigger-')).slice(1, 3);
  await raiseFor(world, newUsers);
  const store = scavenged(world.store, (event) =>
    gone.includes(event.stream) ? edit(event) : [event],
  );
  return { world, store, gone };
}

const CASES = Object.keys(SCAVENGES).flatMap((left) =>
  [0n, 4n, 7n, 8n].flatMap((discarded) =>
    [[], [11], [11, 12], [11, 12, 13]].flatMap((newUsers) =>
      [1, 100].map((pageEntries) => ({ left, discarded, newUsers, pageEntries })),
    ),
  ),
);

describe('projector on a scavenged log with a new state file', () => {
  it.each(CASES)(
    'refuses and counts no new message as stored: $left, $discarded messages discarded, new users $newUsers, pages of $pageEntries',
    async ({ left, discarded, newUsers, pageEntries }) => {
      const edit = SCAVENGES[left];
      if (edit === undefined) throw new Error('the scavenge is unknown');
      const { world, store } = await scavengedWorld(edit, newUsers, pageEntries);
      world.output.purgeTo(discarded);
      const before = world.output.messages.length;
      const file = memoryReadModelStore();
      for (const _start of ['first', 'second']) {
        await expect(world.project({}, { store, state: file.open() })).rejects.toMatchObject({
          kind: 'refused',
          code: expect.stringMatching(/^output_(ahead|disagrees)$/u) as string,
        });
        expect(world.output.messages).toHaveLength(before);
        expect(file.snapshot().verdicts).toEqual([]);
      }
    },
  );

  it('sends the messages of new users once with --resend-from', async () => {
    const edit = SCAVENGES['metadata leave its last event'];
    if (edit === undefined) throw new Error('the scavenge is unknown');
    const { world, store } = await scavengedWorld(edit, [11, 12, 13], 100);
    world.output.purgeTo(8n);
    const [first] = (await eventsOf(world.store)).filter(({ data }) =>
      JSON.stringify(data).includes('"userId":"11"'),
    );
    if (first === undefined) throw new Error('user 11 has raised');
    const { commit, prepare } = first.position;
    const position = `${commit - 1n}/${prepare - 1n}`;
    const recoveryMode = { kind: 'resend_from', position } as const;
    await world.project({ recoveryMode }, { store, state: memoryReadModelStore().open() });
    expect(world.output.messages).toHaveLength(6);
  });

  it('goes on where the stream has discarded all messages and the log is whole', async () => {
    const world = await makeWorld();
    await raiseFor(world, [1, 2, 3, 4]);
    await world.project();
    world.output.purgeTo(8n);
    await raiseFor(world, [11]);
    await world.project({}, { state: memoryReadModelStore().open() });
    expect(world.output.messages).toHaveLength(2);
  });
});
