// `tocsin park retry` by filter: what matches, what is recorded in the log, and what is refused.
import { beforeEach, expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { commitOf, parkedOf } from '../contracts/read-model.fixtures.ts';
import { testCli, type Cli } from '../support/cli.ts';
import { eventsOf } from '../support/world.ts';

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

let cli: Cli;
beforeEach(() => {
  cli = testCli();
  {
    using state = sqliteReadModel({ file: cli.path('state.db'), owner: 'test' });
    const parked = Array.from({ length: 205 }, (_, n) =>
      parkedOf(idOf(n), {
        code: n < 202 ? 'schema_invalid' : 'too_large',
        type: n % 2 === 0 ? 'TriggerRaised' : 'NotificationRequested',
      }),
    );
    state.commit(commitOf(1n, { parked }));
  }
  return () => cli[Symbol.asyncDispose]();
});

const files = (): readonly string[] => [
  '--state',
  cli.path('state.db'),
  '--store',
  `embedded:${cli.path('log.db')}`,
];

async function resolved(): Promise<readonly unknown[]> {
  await using store = await embeddedStore({ file: cli.path('log.db') });
  const events = await eventsOf(store, 'tocsin.control');
  return events.filter(({ type }) => type === 'ParkResolved').map(({ data }) => data);
}

test('park retry --code records a decision for each event with the code, and --type narrows it', async () => {
  const dry = await cli.call(['park', 'retry', '--code', 'too_large', '--dry-run', ...files()]);
  expect(dry.document).toEqual({
    action: 'retry',
    dryRun: true,
    matched: 3,
    events: [idOf(202), idOf(203), idOf(204)],
  });
  expect(await resolved()).toEqual([]);
  const narrow = ['--code', 'too_large', '--type', 'NotificationRequested', '--reason', 'fixed'];
  expect((await cli.call(['park', 'retry', ...narrow, ...files()])).document).toMatchObject({
    matched: 1,
  });
  expect(await resolved()).toEqual([
    expect.objectContaining({ event: idOf(203), action: 'retry', reason: 'fixed' }),
  ]);
});

test('park retry --all retries more events than one append takes', async () => {
  const { document, code } = await cli.call(['park', 'retry', '--all', ...files()]);
  expect(code).toBe(0);
  expect(document).toMatchObject({ matched: 205, dryRun: false });
  expect(await resolved()).toHaveLength(205);
});

test.for([
  { args: [], error: 'no_filter' },
  { args: ['e1', '--all'], error: 'ambiguous_filter' },
  { args: ['e1', '--dry-run'], error: 'ambiguous_filter' },
])('park retry $args is refused as $error', async ({ args, error }) => {
  const { document, code } = await cli.call(['park', 'retry', ...args, ...files()]);
  expect(code).toBe(2);
  expect(document).toMatchObject({ error: { code: error } });
});
