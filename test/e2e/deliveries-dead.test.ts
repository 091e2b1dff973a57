// What died is seen on the command line, and redriven by filter.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { deadDelivery } from '../api/api.support.ts';
import { testCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;

/** Six dead deliveries of an embedded store: two to a webhook, and one of the others has expired. */
async function deadWorld() {
  const cli = testCli();
  const store = await embeddedStore({ file: cli.path('log.db') });
  const kernel = await openKernel({ store, triggers: [] });
  const { storeId } = kernel;
  const list = sqliteDeliveryIndex({ file: cli.path('worker', 'deliveries.db'), storeId });
  const clockAt = (now: number) => ({ now: () => now });
  const made = { store, list, userId: '1' };
  const ids: string[] = [];
  for (let n = 1; n <= 6; n += 1) {
    const clock = clockAt(n === 1 ? Date.now() - HOUR_MS : Date.now());
    const more = n > 4 ? { channel: 'webhook', reason: 'gone' } : {};
    ids.push(await deadDelivery({ ...made, clock, n, ...more }));
  }
  list[Symbol.dispose]();
  await kernel[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  const env = { TOCSIN_STORE: `embedded:${cli.path('log.db')}`, TOCSIN_WORKER: cli.path('worker') };
  return {
    cli,
    ids,
    call: (...args: string[]) => cli.call(args, { env }),
    env,
    [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose](),
  };
}

const GROUPS = [
  { channel: 'feishu', reason: 'auth', count: 4 },
  { channel: 'webhook', reason: 'gone', count: 2 },
];

test('tocsin doctor warns of deliveries that died, by channel and reason', async () => {
  await using world = await deadWorld();
  const { document } = await world.call('doctor', '--nats', 'nats://127.0.0.1:1');
  const Checks = z.object({ checks: z.array(z.looseObject({ name: z.string() })) });
  const { checks } = Checks.parse(document);
  expect(checks.find(({ name }) => name === 'deliveries')).toMatchObject({
    status: 'warning',
    code: 'deliveries_dead',
    detail: '6 died in the last 7 days: 4 to feishu (auth), 2 to webhook (gone)',
    hint: expect.stringMatching(/deliveries redrive --status dead .*--dry-run/) as string,
  });
});

test('tocsin deliveries list filters, and counts by channel and reason', async () => {
  await using world = await deadWorld();
  const all = await world.call('deliveries', 'list', '--status', 'dead', '--limit', '1');
  expect(all.document).toMatchObject({
    deliveries: [{ notificationId: world.ids[5] }],
    counts: { dead: 6 },
    groups: GROUPS.map((group) => ({ status: 'dead', ...group })),
  });
  const filter = ['--channel', 'feishu', '--since', '30m', '--reason', 'auth', '--user', '1'];
  const some = await world.call('deliveries', 'list', ...filter);
  expect(some.document).toMatchObject({ groups: [{ channel: 'feishu', count: 3 }] });
  const none = await world.call('deliveries', 'list', '--user', '2');
  expect(none.document).toMatchObject({ deliveries: [], groups: [] });
});

test('tocsin deliveries redrive by filter counts first, then redrives each once', async () => {
  await using world = await deadWorld();
  const args = ['deliveries', 'redrive', '--status', 'dead', '--channel', 'feishu'];
  const dry = await world.call(...args, '--dry-run');
  const counted = { matched: 4, redriven: 3, refused: { expired: 1 }, groups: [GROUPS[0]] };
  expect(dry).toMatchObject({ code: 1, document: { dryRun: true, ...counted } });
  const because = ['--because', 'token renewed', '--rate', '1000'];
  const done = await world.call(...args, ...because);
  expect(done).toMatchObject({
    code: 1,
    document: {
      dryRun: false,
      interrupted: false,
      ...counted,
      first: [world.ids[3], world.ids[2], world.ids[1]],
      firstRefused: [{ notificationId: world.ids[0], code: 'expired' }],
    },
  });
  const shown = await world.call('deliveries', 'show', world.ids[1] ?? '');
  expect(shown.document).toMatchObject({
    events: [{}, {}, { type: 'DeliveryRedriven', data: { reason: 'token renewed' } }],
  });
  const again = await world.call(...args, ...because);
  expect(again.document).toMatchObject({ redriven: 0, refused: { expired: 1, under_way: 3 } });
  const rest = await world.call('deliveries', 'redrive', '--status', 'dead', '--reason', 'gone');
  expect(rest).toMatchObject({ code: 0, document: { matched: 2, redriven: 2, refused: {} } });
});

test('tocsin deliveries redrive stops at a signal, and tells what it has done', async () => {
  await using world = await deadWorld();
  const { cli, env } = world;
  const args = ['deliveries', 'redrive', '--status', 'dead', '--rate', '1', '--json'];
  const running = cli.start(args, { env });
  // A second passes between two redrives.
  const isRedriven = async () => {
    const { document } = await cli.call(['deliveries', 'show', world.ids[5] ?? ''], { env });
    return JSON.stringify(document).includes('DeliveryRedriven');
  };
  await until('the first is redriven', isRedriven);
  running.kill('SIGTERM');
  const { code, stdout } = await running.ended();
  const Stopped = z.object({ interrupted: z.boolean(), matched: z.int(), redriven: z.int() });
  const { redriven, matched, interrupted } = Stopped.parse(JSON.parse(stdout));
  expect({ code, interrupted }).toEqual({ code: 1, interrupted: true });
  expect(redriven).toBeGreaterThan(0);
  expect(matched).toBeLessThan(6);
  const rest = await world.call('deliveries', 'redrive', '--status', 'dead', '--rate', '1000');
  expect(rest.document).toMatchObject({
    matched: 6,
    redriven: 5 - redriven,
    refused: { expired: 1, under_way: redriven },
  });
});

test.each([
  ['nothing is named', []],
  ['an ID stands beside a filter', ['ID', '--status', 'dead']],
  ['the reason is a text', ['--status', 'dead', '--reason', 'the token is new']],
  ['the time is none', ['--status', 'dead', '--since', 'yesterday']],
])('tocsin deliveries redrive is refused when %s', async (_, args) => {
  await using cli = testCli();
  expect(await cli.call(['deliveries', 'redrive', ...args])).toMatchObject({ code: 2 });
});
