// Limits of the output stream on a real server: requests whose messages the stream discarded before a worker took them are
// found in the log, and delivered once, or end visibly.
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { jetStreamWorld as world } from './jetstream-world.support.ts';

const MINUTE_MS = 60_000;

const users = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i)).toSorted();

test.each([
  ['max_msgs', { max_msgs: 20 }],
  ['max_bytes', { max_bytes: 12_000 }],
  ['max_age', { max_age: 1_000_000_000, duplicate_window: 1_000_000_000 }],
] as const)(
  'a worker delivers once each request whose message the limit %s had discarded before it started',
  async (_name, limit) => {
    const made = await world();
    await made.raise(1, 60);
    await made.limit(limit);
    await until('the stream discards messages', async () => (await made.first()) > 60);
    made.work();
    await until('all are delivered', () => made.list.counts()['delivered'] === 60);
    expect(made.calls.toSorted()).toEqual(users(1, 60));
    expect((await made.verify()).mismatches).toEqual([]);
  },
);

test('a worker delivers once each request that a limit discards while it runs', async () => {
  const made = await world();
  await made.raise(1, 1);
  await made.limit({ max_msgs: 3 });
  made.work();
  await until('it is delivered', () => made.list.counts()['delivered'] === 1);
  await made.raise(2, 80);
  await until('all are delivered', () => made.list.counts()['delivered'] === 80);
  expect(made.calls.toSorted()).toEqual(users(1, 80));
});

test('a discarded request whose life is over ends as expired in the list of deliveries', async () => {
  const made = await world();
  await made.raise(1, 9, 120 * MINUTE_MS);
  await made.limit({ max_msgs: 2 });
  made.work();
  await until('all have ended', () => made.list.counts()['expired'] === 9);
  expect(made.calls).toEqual([]);
});

test('audit verify names discarded requests while no worker has recorded them', async () => {
  const made = await world();
  await made.raise(1, 2);
  const stopped = made.work();
  await until('both are delivered', () => made.list.counts()['delivered'] === 2);
  await stopped();
  await made.raise(3, 9);
  await made.limit({ max_msgs: 4 });
  const { mismatches, mismatchCounts } = await made.verify();
  expect(mismatchCounts).toEqual({ request_discarded: 5 });
  expect(mismatches[0]).toMatchObject({ detail: expect.stringContaining('user 3') as string });
  made.work();
  await until('all are delivered', () => made.list.counts()['delivered'] === 9);
  expect((await made.verify()).mismatches).toEqual([]);
});
