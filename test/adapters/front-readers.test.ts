// Readers that never read: the front serves a bounded number, refuses more with a reason, and serves others meanwhile.
import { randomUUID } from 'node:crypto';
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
  identifier,
  rawClient,
  statusOf,
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

/** Asks and reads nothing. */
function subscribeOver(
  port: number,
  connections: number,
  each: number,
  request = subscription(),
): readonly Asked[] {
  return Array.from({ length: connections }, () => {
    const client = rawClient(port);
    return Array.from({ length: each }, (): Asked => {
      const asked: Asked = { call: client.read(request), code: undefined };
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

/** Events of 1 MB in the stream `large`. */
async function appendLarge(port: number, events: number): Promise<void> {
  for (let n = 0; n < events; n += 1) {
    const large = { id: crypto.randomUUID(), stream: 'large', bytes: 1_000_000 };
    await batch(rawClient(port), [fragment(large)]);
  }
}

const ofLarge = (isSubscription: boolean, events = 100) =>
  readRequest((options) => {
    const one = new streams.ReadReq.Options.StreamOptions();
    one.setStreamIdentifier(identifier('large'));
    one.setStart(new shared.Empty());
    options.setStream(one);
    options.setCount(String(events));
    if (!isSubscription) return;
    options.clearCount();
    options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  });

/** Subscriptions to large events that take nothing fill the bounds of a front. */
async function filledFront() {
  const stalledMs = 200;
  const bounds = { perConnection: 8 * MEBIBYTE, inAll: 16 * MEBIBYTE, stalledMs };
  const { port } = await aFront({ outgoing: bounds });
  await appendLarge(port, 3);
  const stalled = subscribeOver(port, 3, 30, ofLarge(true));
  return { port, stalled };
}

test.each([
  ['subscriptions to', true],
  ['reads of', false],
] as const)(
  'four hundred %s events of 1 MB that take nothing need less than 600 MiB',
  async (_what, isSubscription) => {
    const front = await frontProcess(storeFile(), 0, { stalledMs: 500 });
    const port = Number(new URL(front.url.replace('esdb', 'http')).port);
    await appendLarge(port, 1);
    const before = await front.memory();
    // A read of one event has sent everything, and still holds it.
    subscribeOver(port, 4, 100, ofLarge(isSubscription, 1));
    // The front answers in order: it has begun with all of them before this read ends.
    await collected(rawClient(port).read(readRequest((options) => options.setCount('1'))));
    expect((await front.memory()) - before).toBeLessThan(600 * MEBIBYTE);
  },
);

test('readers that take nothing are ended when others wait for the memory that they hold', async () => {
  const { port, stalled } = await filledFront();
  const read = await collected(rawClient(port).read(ofLarge(false)));
  expect(read.filter((answer) => answer.hasEvent())).toHaveLength(3);
  const ended = refusedOf(stalled);
  expect(ended.length).toBeGreaterThan(0);
  expect(ended.length).toBeLessThan(stalled.length);
});

test('readers that take nothing stay as long as nobody needs the memory that they hold', async () => {
  const { port } = await aFront({ outgoing: { perConnection: 8 * MEBIBYTE, stalledMs: 20 } });
  await appendLarge(port, 3);
  const stalled = subscribeOver(port, 1, 5, ofLarge(true));
  await collected(rawClient(port).read(ofLarge(false)));
  expect(refusedOf(stalled)).toEqual([]);
  const [first] = stalled;
  const events = new Promise((resolve) => {
    let count = 0;
    first?.call.on('data', (answer: ReadResp) => {
      if (answer.hasEvent()) count += 1;
      if (count === 3) resolve(count);
    });
  });
  first?.call.resume();
  expect(await events).toBe(3);
});

test('a slow reader of links to large events gets all of them, and is sent a few at a time', async () => {
  const { port } = await aFront();
  await appendLarge(port, 1);
  const links = fragment({ id: crypto.randomUUID(), stream: 'links', events: 40 });
  for (const message of links.getProposedMessagesList()) {
    message.getMetadataMap().set('type', '$>');
    message.setData(Buffer.from('0@large'));
  }
  await batch(rawClient(port), [links]);
  const request = ofLarge(false);
  request.getOptions()?.getStream()?.setStreamIdentifier(identifier('links'));
  request.getOptions()?.setResolveLinks(true);
  const read = await collected(rawClient(port).read(request));
  expect(read.map((answer) => answer.getEvent()?.getEvent()?.getData_asU8().length)).toEqual(
    Array.from({ length: 40 }, () => 1_000_000),
  );
});

test('appends that are not finished are bounded over all calls of a connection', async () => {
  const { port } = await aFront();
  const client = rawClient(port);
  const begun = (): ReturnType<typeof batch> =>
    batch(
      client,
      Array.from({ length: 60 }, () =>
        fragment({ id: crypto.randomUUID(), stream: 'a', final: false, bytes: 1_000_000 }),
      ),
      undefined,
      false,
    );
  const refused = await statusOf(Promise.all([begun(), begun(), begun()]));
  expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(refused.details).toContain('128 MiB of appends of one connection');
});

test('a read of some streams passes thousands of records of others in both directions', async () => {
  const client = rawClient((await aFront()).port);
  const others = Array.from({ length: 2_600 }, (_, n) =>
    fragment({ id: randomUUID(), stream: `o${n}` }),
  );
  const at = [0, 1_100, 2_599];
  for (const n of at) others[n] = fragment({ id: randomUUID(), stream: `wanted${n}`, events: 2 });
  await batch(client, others);
  for (const isBackwards of [false, true]) {
    const request = readRequest((options) => {
      const filter = new streams.ReadReq.Options.FilterOptions();
      const terms = new streams.ReadReq.Options.FilterOptions.Expression();
      terms.addPrefix('wanted');
      filter.setStreamIdentifier(terms);
      filter.setMax(32);
      filter.setCheckpointintervalmultiplier(1);
      options.clearNoFilter();
      options.setFilter(filter);
      if (!isBackwards) return;
      options.setReadDirection(streams.ReadReq.Options.ReadDirection.BACKWARDS);
      options.getAll()?.setEnd(new shared.Empty());
    });
    const found = (await collected(client.read(request))).map((answer) => {
      const event = answer.getEvent()?.getEvent();
      const name = Buffer.from(event?.getStreamIdentifier()?.getStreamName_asU8() ?? []);
      return `${name.toString()} ${event?.getStreamRevision()}`;
    });
    const expected = at.flatMap((n) => [`wanted${n} 0`, `wanted${n} 1`]);
    expect(found).toEqual(isBackwards ? expected.toReversed() : expected);
  }
});
