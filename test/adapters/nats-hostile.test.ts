// A NATS server whose JetStream is played by a test client that sends wrong answers. Only exactly the expected answer may
// count as an ack.
import { connect, type Msg, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { failureOf, listMessages } from '../../src/facade/contracts/output.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';

let server: TestNatsServer;
let liar: NatsConnection;

beforeAll(async () => {
  server = await testNatsServer({ jetStream: false });
  liar = await connect({ servers: server.url });
});
afterAll(async () => {
  await liar.close();
  await server[Symbol.asyncDispose]();
});

/** Answers API requests with `api`, publishes with `ack`; nothing where they give nothing. */
async function playing(
  {
    api = () => '{}',
    ack,
  }: { api?: (path: string) => string; ack?: (n: number) => string | undefined },
  run: () => Promise<void>,
): Promise<void> {
  const answer = (text: (message: Msg) => string | undefined) => ({
    callback: (_: Error | null, message: Msg) => {
      const body = text(message);
      if (body !== undefined) message.respond(body);
    },
  });
  const subscriptions = [
    liar.subscribe(
      '$JS.API.>',
      answer(({ subject }) => api(subject.slice(8))),
    ),
    liar.subscribe(
      'notification.>',
      answer(({ reply }) => ack?.(Number(reply?.split('.').at(-1)))),
    ),
  ];
  await liar.flush();
  try {
    await run();
  } finally {
    for (const subscription of subscriptions) subscription.unsubscribe();
    await liar.flush();
  }
}

/** As the server writes it. */
const spelled =
  (off: number) =>
  (n: number): string =>
    `{"stream":"TOCSIN", "seq":${n + off}}`;

test.for([
  ['a duplicate', (n: number) => `{"stream":"TOCSIN","seq":${n},"duplicate":true}`, 'unavailable'],
  ['another sequence', (n: number) => `{"stream":"TOCSIN","seq":${n + 1}}`, 'unavailable'],
  ['another sequence, in the server’s own spelling', spelled(1), 'unavailable'],
  ['a sequence that begins like its own', (n: number) => spelled(0)(n * 10), 'unavailable'],
  ['no sequence', () => '{"stream":"TOCSIN"}', 'unavailable'],
  ['another stream', (n: number) => `{"stream":"OTHER","seq":${n}}`, 'rejected'],
  ['no JSON', () => 'not json', 'unavailable'],
  ['nothing', () => '', 'unavailable'],
  ['a list', () => '[]', 'unavailable'],
  ['a sequence as text', (n: number) => `{"stream":"TOCSIN","seq":"${n}"}`, 'unavailable'],
  ['an error without a number', () => '{"stream":"TOCSIN","error":{"code":500}}', 'unavailable'],
  ['an error in no form', () => '{"stream":"TOCSIN","error":"no"}', 'unavailable'],
] as const)('an ack that is %s ends the session', async ([, ack, kind]) => {
  await playing({ ack }, async () => {
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    expect(await failureOf(session.publish(1n, listMessages(1, 5)))).toMatchObject({ kind });
  });
});

test('an ack with other JSON formatting counts', async () => {
  const ack = (n: number) => ` {"seq": ${n}, "domain": "hub", "stream": "TOCSIN", "later": 1}`;
  await playing({ ack }, async () => {
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    await session.publish(1n, listMessages(1, 300));
    await session.publish(301n, listMessages(301, 302));
  });
});

test('acks out of order count once the gap is closed', async () => {
  const held: number[] = [];
  const replies = new Map<number, string>();
  await playing({}, async () => {
    const subscription = liar.subscribe('notification.>', {
      callback: (_, { reply = '' }) => {
        const n = Number(reply.split('.').at(-1));
        replies.set(n, reply);
        held.push(n);
      },
    });
    await liar.flush();
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    let isDone = false;
    const call = session.publish(1n, listMessages(1, 50)).then(() => (isDone = true));
    await expect.poll(() => held.length).toBe(50);
    const acknowledge = (n: number) => {
      liar.publish(replies.get(n) ?? '', `{"stream":"TOCSIN", "seq":${n}}`);
    };
    for (const n of held.slice(1).reverse()) acknowledge(n);
    // Twice: an ack that comes again says nothing new.
    acknowledge(50);
    await liar.flush();
    expect(await session.info().catch(() => 'asked')).toBe('asked');
    expect(isDone).toBe(false);
    acknowledge(1);
    await call;
    subscription.unsubscribe();
  });
});

test("an ack to another session's inbox is ignored", async () => {
  const inboxes: string[] = [];
  await playing({}, async () => {
    const subscription = liar.subscribe('notification.>', {
      callback: (_, { reply = '' }) => {
        inboxes.push(reply);
      },
    });
    await liar.flush();
    const output = jetStreamOutput({ servers: server.url, stallAfterMs: 2_000 });
    await using first = await output.connect();
    await using second = await output.connect();
    const calls = [first, second].map((session) => session.publish(1n, listMessages(1, 1)));
    await expect.poll(() => inboxes.length).toBe(2);
    const [mine = '', other = ''] = inboxes;
    expect(mine.slice(0, -2)).not.toBe(other.slice(0, -2));
    liar.publish(mine, '{"stream":"TOCSIN", "seq":1}');
    const ends = await Promise.allSettled(calls);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    subscription.unsubscribe();
  });
});

test('an ack for a message that was never sent ends the session', async () => {
  await playing({}, async () => {
    const client = await connect({ servers: server.url });
    const spy = client.subscribe('notification.>', {
      callback: (_, { reply = '' }) => {
        const inbox = reply.slice(0, reply.lastIndexOf('.'));
        client.publish(`${inbox}.7`, '{"stream":"TOCSIN", "seq":7}');
      },
    });
    await client.flush();
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    expect(await failureOf(session.publish(1n, listMessages(1, 2)))).toMatchObject({
      kind: 'unavailable',
    });
    spy.unsubscribe();
    await client.close();
  });
});

test.for([
  ['no JSON', 'INFO', '<html>'],
  ['no object', 'INFO', '7'],
])('the output is unavailable when the API answers %s', async ([, , body]) => {
  await playing({ api: () => body ?? '' }, async () => {
    const connecting = jetStreamOutput({ servers: server.url }).connect();
    expect(await failureOf(connecting)).toMatchObject({ kind: 'unavailable' });
  });
});

test('the output is unavailable when stream details have an unknown form', async () => {
  const api = (path: string) =>
    path === 'INFO' ? '{}' : '{"config":{"name":"TOCSIN"},"state":{}}';
  await playing({ api }, async () => {
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    expect(await failureOf(session.info())).toMatchObject({ kind: 'unavailable' });
    expect(await failureOf(session.create(''))).toMatchObject({ kind: 'unavailable' });
    expect(await failureOf(session.read(1n))).toMatchObject({ kind: 'unavailable' });
  });
});

test.for([
  [10008, 503, 'unavailable'],
  [10039, 503, 'no JetStream'],
  [10076, 503, 'no JetStream'],
] as const)('connecting classifies the API error %d', async ([code, status, expected]) => {
  const error = { code: status, err_code: code, description: 'x' };
  await playing({ api: () => JSON.stringify({ error }) }, async () => {
    const connecting = jetStreamOutput({ servers: server.url }).connect();
    if (expected === 'unavailable') {
      expect(await failureOf(connecting)).toMatchObject({ kind: 'unavailable' });
    } else {
      await expect(connecting).rejects.toBeInstanceOf(TocsinError);
    }
  });
});

test.for([
  [400, 10071, 'fenced'],
  [400, 10060, 'rejected'],
  [400, 10054, 'rejected'],
  [400, 10109, 'rejected'],
  [503, 10077, 'unavailable'],
  [503, 10023, 'unavailable'],
  [500, 10047, 'unavailable'],
  [400, 10002, 'unavailable'],
  [404, 10059, 'unavailable'],
  [429, 10167, 'unavailable'],
  [503, undefined, 'unavailable'],
] as const)('publish classifies the error %d/%s as %s', async ([code, number, kind]) => {
  const error = { code, err_code: number, description: 'why' };
  await playing({ ack: () => JSON.stringify({ error, stream: 'TOCSIN', seq: 0 }) }, async () => {
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    expect(await failureOf(session.publish(1n, listMessages(1, 1)))).toMatchObject({ kind });
  });
});

test.for([
  ['answered', '{"stream":"TOCSIN", "seq":1}', 'fenced'],
  ['unanswered', undefined, 'unavailable'],
] as const)('publish classifies a wrong sequence after an %s message', async ([, first, kind]) => {
  const error = { code: 400, err_code: 10071, description: 'wrong last sequence: 0' };
  const refusal = JSON.stringify({ error, stream: 'TOCSIN', seq: 0 });
  await playing({ ack: (n) => (n === 1 ? first : refusal) }, async () => {
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    // Only where all before it is acknowledged does it prove another writer.
    expect(await failureOf(session.publish(1n, listMessages(1, 2)))).toMatchObject({ kind });
  });
});
