// The requests to each kind of channel, and the outcome of every answer, against a real server.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { botSignature, webhookSignature } from '../../src/adapters/senders/requests.ts';
import { answering, MESSAGE, NOW, receiver, SECRET, sendTo } from './senders.support.ts';

const OK = { StatusCode: 0, StatusMessage: 'success', code: 0, data: {}, msg: 'success' };
const MINUTE = 60_000;

type Case = readonly [
  kind: 'feishu_bot' | 'feishu_flow' | 'feishu_base',
  status: number,
  body: unknown,
  expected: object,
];

const says = (code: number, msg: string): object => ({ code, msg, data: {} });
const throttled = (code: string, retryAfterMs = MINUTE): object => ({
  outcome: 'throttled',
  code,
  retryAfterMs,
});
const permanent = (code: string, channel?: string): object => ({
  outcome: 'permanent',
  code,
  ...(channel === undefined ? {} : { channel }),
});

const CASES: readonly Case[] = [
  ['feishu_bot', 200, OK, { outcome: 'accepted', code: '0' }],
  ['feishu_flow', 200, { code: 0, data: {}, msg: 'success' }, { outcome: 'accepted', code: '0' }],
  ['feishu_base', 200, { code: 0 }, { outcome: 'accepted', code: '0' }],
  ['feishu_bot', 200, says(11232, 'frequency limited psm[x]'), throttled('feishu_11232')],
  ['feishu_bot', 200, says(11233, 'chat limited'), throttled('feishu_11233')],
  ['feishu_bot', 200, says(11247, 'internal limit'), throttled('feishu_11247')],
  ['feishu_bot', 400, says(9499, 'too many request'), throttled('feishu_9499')],
  ['feishu_bot', 200, says(9499, 'Bad Request'), permanent('feishu_9499')],
  [
    'feishu_bot',
    200,
    says(19001, 'param invalid: incoming webhook access token invalid'),
    permanent('feishu_19001', 'disable'),
  ],
  ['feishu_bot', 200, says(19002, 'params error'), permanent('feishu_19002')],
  [
    'feishu_bot',
    200,
    says(19021, 'sign match fail or timestamp is not within one hour'),
    { outcome: 'transient', code: 'feishu_19021' },
  ],
  ['feishu_bot', 200, says(19022, 'Ip Not Allowed'), permanent('feishu_19022', 'needs_attention')],
  [
    'feishu_bot',
    200,
    says(19024, 'Key Words Not Found'),
    permanent('feishu_19024', 'needs_attention'),
  ],
  ['feishu_bot', 200, says(2200, 'internal'), { outcome: 'transient', code: 'feishu_2200' }],
  [
    'feishu_base',
    200,
    says(800004509, 'webhook trigger workflow is disabled'),
    permanent('feishu_800004509', 'needs_attention'),
  ],
  [
    'feishu_base',
    200,
    says(800005649, 'credential failed'),
    permanent('feishu_800005649', 'needs_attention'),
  ],
  [
    'feishu_base',
    200,
    says(800005650, 'IP not allowed'),
    permanent('feishu_800005650', 'needs_attention'),
  ],
  ['feishu_base', 200, says(800005647, 'too large'), permanent('feishu_800005647')],
  ['feishu_base', 200, says(800005646, 'calls itself'), permanent('feishu_800005646')],
  ['feishu_base', 200, says(800005652, 'too frequent'), throttled('feishu_800005652')],
  ['feishu_base', 200, says(800006003, 'not JSON'), permanent('feishu_800006003')],
  ['feishu_flow', 200, says(12345, 'who knows'), { outcome: 'transient', code: 'feishu_12345' }],
  ['feishu_flow', 200, 'not json', { outcome: 'suspect', code: 'unparsable' }],
  ['feishu_flow', 200, '', { outcome: 'suspect', code: 'unparsable' }],
  ['feishu_flow', 200, { msg: 'success' }, { outcome: 'suspect', code: 'unparsable' }],
  ['feishu_flow', 200, { code: '0' }, { outcome: 'suspect', code: 'unparsable' }],
  ['feishu_flow', 500, { code: 0 }, { outcome: 'transient', code: 'http_500' }],
  ['feishu_flow', 502, '<html>', { outcome: 'transient', code: 'http_502' }],
];

describe('outcomeOfFeishu', () => {
  it.each(CASES)('%s, HTTP %i, %j', async (kind, status, body, expected) => {
    await using server = await receiver(answering(status, body));
    const outcome = await sendTo(server.origin, kind);
    expect(outcome).toMatchObject(expected);
    if (!('channel' in expected)) expect(outcome).not.toHaveProperty('channel');
    expect(server.received).toHaveLength(1);
  });

  it('reads the wait from the header of the open platform', async () => {
    const headers = { 'x-ogw-ratelimit-reset': '7' };
    const limit = says(99991400, 'request trigger frequency limit');
    await using server = await receiver(answering(400, limit, headers));
    expect(await sendTo(server.origin, 'feishu_bot')).toMatchObject(
      throttled('feishu_99991400', 7_000),
    );
  });

  it('waits longer after a limit just after full and half hours', async () => {
    await using server = await receiver(answering(200, says(11232, 'frequency limited')));
    const now = () => Date.UTC(2026, 0, 1, 10, 30, 30);
    const addresses = { ports: [], privateTargets: false, standIn: server.origin };
    expect(
      await sendTo(server.origin, 'feishu_bot', { options: { now, addresses } }),
    ).toMatchObject({ retryAfterMs: 150_000 });
  });

  it('treats an unknown code as transient for two attempts, then as permanent', async () => {
    await using server = await receiver(answering(200, says(12345, 'who knows')));
    const third = await sendTo(server.origin, 'feishu_flow', { message: { attempt: 3 } });
    expect(third).toEqual({
      outcome: 'permanent',
      code: 'feishu_12345',
      detail: 'HTTP 200, code 12345: who knows',
    });
  });

  it('tries once with a new signature after a signature error, then reports to the owner', async () => {
    await using server = await receiver(answering(200, says(19021, 'sign match fail')));
    const second = await sendTo(server.origin, 'feishu_bot', { message: { attempt: 2 } });
    expect(second).toMatchObject(permanent('feishu_19021', 'needs_attention'));
  });

  it('removes address and token from the details', async () => {
    const msg = 'bad canary-in-a-path and Bearer canary-token and canary-token';
    await using server = await receiver(answering(200, says(19002, msg)));
    const target = { bearerToken: 'canary-token' };
    const outcome = await sendTo(server.origin, 'feishu_flow', { target });
    expect(JSON.stringify(outcome)).not.toContain('canary');
  });
});

it('W21: the old rule, planted, takes failures for success and limits for permanent failures', () => {
  /** 2xx is success unless a JSON body says otherwise, and then it is the end. */
  const oldRule = (status: number, body: unknown): string => {
    if (status === 429 || status >= 500) return 'transient';
    const code = typeof body === 'object' && body !== null && 'code' in body ? body.code : 0;
    return status < 300 && (code === 0 || typeof code !== 'number') ? 'accepted' : 'permanent';
  };
  const differing = CASES.filter(
    ([, status, body, expected]) =>
      'outcome' in expected && expected.outcome !== oldRule(status, body),
  ).map(([, , body]) => body);
  expect(differing).toContain('not json');
  expect(differing).toContainEqual(says(11232, 'frequency limited psm[x]'));
  expect(differing).toContainEqual(says(9499, 'too many request'));
});

describe('outcomeOfStatus', () => {
  it.each([
    [200, 'anything', { outcome: 'accepted', code: 'http_200' }],
    [204, '', { outcome: 'accepted', code: 'http_204' }],
    [301, '', permanent('redirect')],
    [400, 'internal words', permanent('http_400')],
    [401, '', permanent('auth', 'needs_attention')],
    [403, '', permanent('auth', 'needs_attention')],
    [404, '', { ...permanent('http_404'), confirm: true }],
    [408, '', { outcome: 'transient', code: 'http_408' }],
    [410, '', { ...permanent('gone', 'disable'), confirm: true }],
    [413, '', permanent('http_413')],
    [425, '', { outcome: 'transient', code: 'http_425' }],
    [429, '', { outcome: 'throttled', code: 'http_429' }],
    [500, '', { outcome: 'transient', code: 'http_500' }],
    [503, '', { outcome: 'transient', code: 'http_503' }],
  ])('HTTP %i', async (status, body, expected) => {
    await using server = await receiver(answering(status, body));
    const outcome = await sendTo(server.origin, 'webhook');
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome)).not.toContain('internal words');
  });

  it.each([
    ['120', 120_000],
    ['Thu, 01 Jan 2026 10:18:00 GMT', MINUTE],
    ['Thu, 01 Jan 2026 10:00:00 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['Thu Jan  1 10:18:00 2026', MINUTE],
    ['0', 0],
    ['0.5', 500],
    ['1.0001', 1_001],
    ['-5', undefined],
    ['-0.5', undefined],
    ['1e3', undefined],
    ['2026', 2_026_000],
    ['soon', undefined],
  ])('with Retry-After %s ask for %s ms', async (value, retryAfterMs) => {
    await using server = await receiver(answering(429, '', { 'retry-after': value }));
    expect(await sendTo(server.origin, 'webhook')).toMatchObject({ retryAfterMs });
  });
});

describe('compose', () => {
  const sent = async (
    kind: 'feishu_bot' | 'feishu_flow' | 'feishu_base' | 'webhook',
    more: Parameters<typeof sendTo>[2] = {},
  ) => {
    await using server = await receiver(answering(200, OK));
    await sendTo(server.origin, kind, more);
    const [request] = server.received;
    if (request === undefined) throw new Error('nothing was received');
    return { ...request, json: JSON.parse(request.body) as Record<string, unknown> };
  };

  it('makes a post for a bot, signed when there is a secret', async () => {
    const { json, headers } = await sent('feishu_bot', { target: { secret: 'demo' } });
    const timestamp = String(Math.floor(NOW / 1000));
    expect(json).toEqual({
      timestamp,
      sign: createHmac('sha256', `${timestamp}\ndemo`).digest('base64'),
      msg_type: 'post',
      content: {
        post: {
          zh_cn: {
            title: 'A suggestion',
            content: [
              [{ tag: 'text', text: 'There is room.' }],
              [{ tag: 'a', text: 'View', href: MESSAGE.actionUrl }],
            ],
          },
        },
      },
    });
    expect(headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect((await sent('feishu_bot')).json).not.toHaveProperty('sign');
  });

  it('signs for a bot as the documentation of Feishu computes it', () => {
    expect(botSignature('demo', 1_599_360_473_000).sign).toBe(
      'l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=',
    );
    expect(botSignature('SECabc123', 1_700_000_000_999).sign).toBe(
      'UqhI0v4zAkSwI4hNYBuHQvnrAqshA0UaeBGHCUMPX70=',
    );
  });

  it('makes the body of existing flows, with a bearer token when there is one', async () => {
    const { json, headers } = await sent('feishu_flow', { target: { bearerToken: 'abc' } });
    expect(json).toEqual({
      event: 'smartflow.schedule_adjustment_ready',
      version: '1',
      notification_id: MESSAGE.notificationId,
      user_id: 42,
      preview_id: 'asp_1',
      trigger_id: 'ast_1',
      trigger_type: 'important_urgent_task',
      target_type: 'task_pool',
      target_id: 7,
      message: {
        title: 'A suggestion',
        summary: MESSAGE.text,
        action_text: 'View',
        action_url: MESSAGE.actionUrl,
      },
      trace_id: 'trace_1',
      sent_at: '2026-01-01T10:17:00Z',
    });
    expect(headers).toMatchObject({
      authorization: 'Bearer abc',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(headers).not.toHaveProperty('client-token');
  });

  it('sends the same client token to an automation on every attempt', async () => {
    const of = async (attempt: number) =>
      (await sent('feishu_base', { message: { attempt } })).headers['client-token'];
    expect(await of(1)).toBe(MESSAGE.notificationId);
    expect(await of(2)).toBe(MESSAGE.notificationId);
  });

  it('makes a CloudEvent for a generic webhook, signed over id, time and body', async () => {
    const { json, headers, body } = await sent('webhook');
    expect(json).toMatchObject({
      specversion: '1.0',
      id: MESSAGE.notificationId,
      type: 'tocsin.notification',
      data: { notification_id: MESSAGE.notificationId, message: { title: 'A suggestion' } },
    });
    const timestamp = String(Math.floor(NOW / 1000));
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
    const mac = createHmac('sha256', key).update(`${MESSAGE.notificationId}.${timestamp}.${body}`);
    expect(headers).toMatchObject({
      'webhook-id': MESSAGE.notificationId,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${mac.digest('base64')}`,
    });
  });

  it('signs as the example of Standard Webhooks does', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
    expect(webhookSignature(secret, id, '1614265330', '{"test": 2432232314}')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it.each(['feishu_bot', 'feishu_flow', 'feishu_base', 'webhook'] as const)(
    'to %s carries no markup of a title’s',
    async (kind) => {
      const text =
        'Do <at user_id="all">everyone</at> [here](https://evil.example) \u202enow\u0007';
      const { body } = await sent(kind, { message: { text, title: '<b>x</b>' } });
      expect(body).not.toMatch(/<|>|\]\(|\u202e|\\u0007/);
      expect(body).toContain('everyone');
    },
  );
});
