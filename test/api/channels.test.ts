// The channel endpoints over the kernel's channels: no answer and no event holds a secret.
import { expect, test } from 'vitest';
import { createHttpApp } from '../../src/adapters/http/app.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { USER_SCOPES } from '../../src/domain/access/scopes.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { memoryVault } from '../support/vault.ts';
import { thrownProblem } from '../../src/adapters/http/endpoint/respond.ts';
import { changeChannel } from '../../src/kernel/channels/channel-decider.ts';
import { eventsOf } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const PATH = '/api/v1/notification/channels/feishu';
const KEY = 'canaryabcdefghijklmnop';
const URL_A = `https://www.feishu.cn/flow/api/trigger-webhook/${KEY}`;

async function world(store = memoryStore()) {
  const answers: SendOutcome[] = [];
  const kernel = await openKernel({
    ...scheduleProduct,
    store,
    vault: memoryVault(),
    send: () => Promise.resolve(answers.shift() ?? { outcome: 'accepted', code: '0' }),
  });
  const caller = { id: 'token:1', userId: '42', scopes: USER_SCOPES };
  const app = createHttpApp({
    kernel,
    channels: kernel.channels,
    authenticate: () => Promise.resolve(caller),
  });
  const texts: string[] = [];
  const ask = async (method: string, path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { headers, body: JSON.stringify(body) };
    const response = await app.fetch(new Request(`http://localhost${path}`, { method, ...sent }));
    const text = await response.text();
    texts.push(text, JSON.stringify([...response.headers]));
    return { status: response.status, body: JSON.parse(text) as unknown };
  };
  return { store, ask, answers, texts };
}

test('the channel endpoints put, show, test and remove a channel without a secret in any answer or event', async () => {
  const { ask, answers, texts, store } = await world();
  expect(await ask('GET', PATH)).toMatchObject({ status: 200, body: { configured: false } });
  expect(await ask('POST', `${PATH}/test`)).toMatchObject({ body: { code: 'not_configured' } });
  const put = { webhook_url: URL_A, bearer_token: 'canary-bearer-token' };
  expect(await ask('PUT', PATH, put)).toMatchObject({
    status: 200,
    body: {
      configured: true,
      enabled: true,
      webhook_url_mask: 'https://www.feishu.cn/flow/api/trigger-webhook/cana...mnop',
      has_bearer_token: true,
    },
  });
  expect(await ask('POST', `${PATH}/test`, {})).toMatchObject({
    status: 200,
    body: { status: 'success', outcome: 'accepted', code: '0' },
  });
  answers.push({ outcome: 'permanent', code: 'provider_19001', detail: 'canary-detail' });
  expect(await ask('POST', `${PATH}/test`)).toMatchObject({ body: { status: 'failed' } });
  expect(await ask('GET', PATH)).toMatchObject({ body: { last_test_status: 'failed' } });
  expect(await ask('PUT', PATH, { ...put, webhook_url: `http://10.0.0.1/${KEY}` })).toMatchObject({
    status: 400,
    body: { code: 'invalid_url', issues: [{ field: 'webhook_url' }] },
  });
  expect(await ask('DELETE', PATH)).toMatchObject({ status: 200, body: { deleted: true } });
  expect(await ask('GET', PATH)).toMatchObject({ body: { configured: false } });
  const log = (await eventsOf(store)).map(({ data, metadata }) => JSON.stringify([data, metadata]));
  expect(texts.join('\n')).not.toContain('canary-detail');
  for (const secret of [KEY, 'canary-bearer-token']) {
    expect(texts.join('\n')).not.toContain(secret);
    expect(log.join('\n')).not.toContain(secret);
  }
});

test('the test endpoint limits test messages, and sends none for a disabled channel', async () => {
  const { ask } = await world();
  await ask('PUT', PATH, { webhook_url: URL_A, enabled: false });
  expect(await ask('POST', `${PATH}/test`)).toMatchObject({
    status: 409,
    body: { code: 'channel_disabled' },
  });
  await ask('PUT', PATH, { webhook_url: URL_A });
  for (let n = 0; n < 5; n += 1) await ask('POST', `${PATH}/test`);
  expect(await ask('POST', `${PATH}/test`)).toMatchObject({
    status: 429,
    body: { code: 'too_many_tests' },
  });
});

test('a PUT that many tests of the channel prevent again and again is done in the end', async () => {
  let prevented = 0;
  const busy = memoryStore({
    faults: (operation) => {
      if (operation.kind !== 'append' || operation.n < 2) return undefined;
      if (operation.events[0]?.type !== 'ChannelConfigured' || prevented === 7) return undefined;
      prevented += 1;
      return { fault: 'conflict' };
    },
  });
  const { ask } = await world(busy);
  await ask('PUT', PATH, { webhook_url: URL_A });
  expect(await ask('PUT', PATH, { webhook_url: `${URL_A}b` })).toMatchObject({ status: 200 });
  expect(prevented).toBe(7);
});

test('a write that others prevent until its deadline is answered as a conflict', async () => {
  const time = virtualTime();
  const pause = (ms: number) => {
    time.advance(ms);
    return Promise.resolve();
  };
  const runtime = { ...time, pause };
  const before = runtime.elapsed();
  const conflicts = () => ({ fault: 'conflict' }) as const;
  const store = memoryStore({
    faults: ({ kind }) => (kind === 'append' ? conflicts() : undefined),
  });
  const key = { userId: '42', channel: 'feishu' } as const;
  const facts = {
    kind: 'feishu_flow',
    mask: 'https://a/...',
    fingerprint: 'abcdefabcdef',
    hasBearerToken: false,
    hasSecret: false,
    ref: crypto.randomUUID(),
  } as const;
  const command = { kind: 'configure', settings: { ...key, enabled: true }, facts } as const;
  const error: unknown = await changeChannel(
    { store, kernel: 'tocsin', runtime },
    key,
    command,
  ).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'conflict', kind: 'unavailable' });
  expect(runtime.elapsed() - before).toBeGreaterThanOrEqual(5_000);
  expect(thrownProblem(error)).toMatchObject({ code: 'conflict', retryAfter: 1 });
});
