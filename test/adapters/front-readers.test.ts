// Readers that never read: the front serves a bounded number, refuses more with a reason, and serves others meanwhile.
import { status, type ClientReadableStream } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { until } from '../support/until.ts';
import {
  aFront,
  batch,
  collected,
  fragment,
  frontProcess,
  rawClient,
  readRequest,
  storeFile,
} from './front.support.ts';

const MEBIBYTE = 1024 * 1024;

const subscription = () =>
  readRequest((options) => {
    options.clearCount();
    options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
    options.getAll()?.setStart(new shared.Empty());
  });

type Asked = { readonly call: ClientReadableStream<ReadResp>; code: number | undefined };

/** Subscribes and reads nothing. */
function subscribeOver(port: number, connections: number, each: number): readonly Asked[] {
  return Array.from({ length: connections }, () => {
    const client = rawClient(port);
    return Array.from({ length: each }, (): Asked => {
      const asked: Asked = { call: client.read(subscription()), code: undefined };
      asked.call.pause();
      asked.call.on('error', ({ code }: { readonly code?: number } & Error) => {
        asked.code = code;
      });
      return asked;
    });
  }).flat();
}

const refusedOf = (asked: readonly Asked[]): readonly Asked[] =>
  asked.filter(({ code }) => code === status.RESOURCE_EXHAUSTED);

test.each([
  ['of one connection', 1, 300, 100],
  ['in all', 5, 180, 400],
] as const)(
  'subscriptions that never read are bounded %s, and their places become free again',
  async (_where, connections, each, refused) => {
    const { port } = await aFront();
    await batch(rawClient(port), [fragment({ id: crypto.randomUUID(), stream: 'a', events: 50 })]);
    const all = await collected(rawClient(port).read(readRequest()));
    const asked = subscribeOver(port, connections, each);
    await until('the others are refused', () => refusedOf(asked).length === refused);
    expect(await collected(rawClient(port).read(readRequest()))).toHaveLength(all.length);
    for (const { call } of asked) call.cancel();
    await until('there is a place again', async () => {
      const [again] = subscribeOver(port, 1, 1);
      const answered = new Promise((resolve) => {
        again?.call.once('metadata', resolve);
        again?.call.once('error', resolve);
      });
      again?.call.resume();
      await answered;
      return again?.code !== status.RESOURCE_EXHAUSTED;
    });
  },
);

test('two thousand subscriptions that never read take less than 300 MiB', async () => {
  const front = await frontProcess(storeFile());
  const port = Number(new URL(front.url.replace('esdb', 'http')).port);
  for (let n = 0; n < 40; n += 1) {
    await batch(rawClient(port), [
      fragment({ id: crypto.randomUUID(), stream: `a${n}`, events: 20, bytes: 2_000 }),
    ]);
  }
  const before = await front.memory();
  const asked = subscribeOver(port, 20, 100);
  await until('the others are refused', () => refusedOf(asked).length === 1_500);
  // The front answers in order: by now it has served the others as far as they read.
  await collected(rawClient(port).read(readRequest()));
  expect((await front.memory()) - before).toBeLessThan(300 * MEBIBYTE);
});
