// The checks before each endpoint: token, scope, owner, size, rate, and the answers to failures.
import { describe, expect, test, vi } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { jsonLogger } from '../../src/adapters/logging/pino.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { eventsOf } from '../support/world.ts';
import { apiWorld, operationsOf, type ApiWorld, type DocumentedOperation } from './api.support.ts';

const ABOUT = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };
const TRIGGER = '/api/v1/active-schedule/trigger';

/** Valid bodies, by operation. */
const BODIES: Readonly<Record<string, object>> = {
  dryRun: ABOUT,
  raiseTrigger: ABOUT,
  cancelTrigger: { reason: 'r' },
  cancelTarget: { ...ABOUT, reason: 'r' },
  createPreview: ABOUT,
  confirmPreview: { idempotency_key: 'k' },
  dismissPreview: {},
  putChannel: { webhook_url: 'https://hooks.example/' },
  testChannel: {},
  redriveDelivery: { reason: 'r' },
  setPolicy: { trigger_type: '*', policy: 'none', reason: 'r' },
  resolveParked: { action: 'drop', reason: 'r' },
  mute: { trigger_type: '*', until: '2026-01-01T11:00:00Z', reason: 'r' },
  unmute: { trigger_type: '*', reason: 'r' },
};

type Ids = Readonly<Record<string, string>>;

/** The objects of user 1: a trigger with a preview, a channel and a delivery. */
async function things(world: ApiWorld): Promise<Ids> {
  const { ask, one: token } = world;
  const raised = await ask('POST', TRIGGER, { token, body: ABOUT });
  const body = BODIES['putChannel'];
  await ask('PUT', '/api/v1/notification/channels/webhook', { token, body });
  return {
    trigger_id: String(raised.body['trigger_id']),
    preview_id: String(raised.body['preview_id']),
    notification_id: await world.dead('1', 1),
    channel: 'webhook',
    id: String(raised.body['trigger_id']),
    event: 'e',
  };
}

const pathOf = ({ path }: DocumentedOperation, ids: Ids): string =>
  path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => ids[name] ?? '');

describe('each operation of the document', () => {
  test('refuses a missing token, a wrong token, and a token without the scope', async () => {
    using world = await apiWorld();
    const ids = await things(world);
    const operations = operationsOf(world.app.openApi);
    expect(operations).toHaveLength(31);
    for (const operation of operations) {
      const { method, operationId } = operation;
      const [path, upper] = [pathOf(operation, ids), method.toUpperCase()];
      const body = BODIES[operationId];
      const nobody = await world.ask(upper, path, { body });
      expect(nobody).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
      const token = `tcs_${'0'.repeat(16)}_${'A'.repeat(43)}`;
      expect((await world.ask(upper, path, { body, token })).status).toBe(401);
      const scope = scopeOf(operation);
      const others = await world.token(SCOPES.filter((other) => other !== scope));
      const headers = { 'tocsin-user': '1' };
      const refused = await world.ask(upper, path, { body, token: others, headers });
      expect(refused, operationId).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
    }
  });

  test('answers for the object of another user as if it did not exist', async () => {
    using world = await apiWorld();
    const ids = await things(world);
    const before = await eventsOf(world.store);
    const owned = operationsOf(world.app.openApi).filter(({ path }) =>
      /\{(?:trigger|preview|notification)_id\}/.test(path),
    );
    expect(owned.map(({ operationId }) => operationId).toSorted()).toEqual([
      'cancelTrigger',
      'confirmPreview',
      'dismissPreview',
      'getDelivery',
      'getPreview',
      'getTrigger',
      'redriveDelivery',
    ]);
    const unknown = Object.fromEntries(
      Object.entries(ids).map(([name, id]) => [name, id.replace(/[0-9a-f](?=_1$|$)/, 'f')]),
    );
    for (const operation of owned) {
      const method = operation.method.toUpperCase();
      const body = BODIES[operation.operationId];
      const asTwo = { token: world.two, body };
      const foreign = await world.ask(method, pathOf(operation, ids), asTwo);
      const absent = await world.ask(method, pathOf(operation, unknown), asTwo);
      expect(foreign, operation.operationId).toMatchObject({ status: 404 });
      const { request_id: _a, ...told } = foreign.body;
      const { request_id: _b, ...same } = absent.body;
      expect(told).toEqual(same);
      // The service acts for the other user and gets the same answer.
      const headers = { 'tocsin-user': '2' };
      const asService = { token: world.service, body, headers };
      expect((await world.ask(method, pathOf(operation, ids), asService)).status).toBe(404);
    }
    expect(await eventsOf(world.store)).toHaveLength(before.length);
  });

  test('shows each user only their own list and channels', async () => {
    using world = await apiWorld();
    await things(world);
    const list = await world.ask('GET', '/api/v1/notification/deliveries', { token: world.two });
    expect(list.body).toEqual({ deliveries: [] });
    const channel = await world.ask('GET', '/api/v1/notification/channels/webhook', {
      token: world.two,
    });
    expect(channel.body).toMatchObject({ configured: false });
  });

  test('needs the user from the service, and lets no user act for another', async () => {
    using world = await apiWorld();
    const ids = await things(world);
    for (const operation of operationsOf(world.app.openApi)) {
      const names = JSON.stringify(operation['parameters']);
      if (!names.includes('Tocsin-User')) continue;
      const method = operation.method.toUpperCase();
      const path = pathOf(operation, ids);
      const body = BODIES[operation.operationId];
      const headers = { 'tocsin-user': '1' };
      const other = await world.ask(method, path, { token: world.two, body, headers });
      expect(other).toMatchObject({ status: 403, body: { code: 'other_user' } });
      const odd = await world.ask(method, path, {
        token: world.service,
        body,
        headers: { 'tocsin-user': 'a b' },
      });
      expect(odd).toMatchObject({ status: 400, body: { code: 'invalid_field' } });
      if (path.includes('deliveries') || path.endsWith('active-schedule/cancel')) continue;
      const whom = await world.ask(method, path, { token: world.service, body });
      expect(whom).toMatchObject({ status: 400, body: { code: 'user_required' } });
    }
  });
});

function scopeOf(operation: DocumentedOperation): string {
  const match = /"bearer":\["([a-z:]+)"\]/.exec(JSON.stringify(operation['security']));
  if (match?.[1] === undefined) throw new Error(`${operation.operationId} names no scope`);
  return match[1];
}

describe('the body of a request', () => {
  test.each([
    ['{"a":', 400, 'invalid_json'],
    [new Uint8Array([0x22, 0xff, 0x22]), 400, 'invalid_json'],
    ['"\\ud800"', 400, 'invalid_json'],
    ['{"payload":"\\u0000"}', 400, 'invalid_json'],
    ['{"user_id":1,"user_id":2}', 400, 'invalid_json'],
    ['['.repeat(16_000) + ']'.repeat(16_000), 400, 'invalid_json'],
    ['', 400, 'invalid_json'],
    ['null', 400, 'invalid_field'],
    ['{"__proto__":{"scopes":[]}}', 400, 'invalid_field'],
    [`"${'a'.repeat(32 * 1024)}"`, 413, 'too_large'],
  ] as const)('%# is refused as %i %s', async (raw, status, code) => {
    using world = await apiWorld();
    const got = await world.ask('POST', TRIGGER, { token: world.one, raw });
    expect(got).toMatchObject({ status, body: { code } });
  });

  test('is accepted at exactly the limit', async () => {
    using world = await apiWorld();
    const empty = JSON.stringify({ ...ABOUT, payload: '' });
    const payload = 'a'.repeat(32 * 1024 - empty.length);
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: { ...ABOUT, payload } });
    expect(got.status).toBe(201);
  });

  test('is refused when it is larger than its Content-Length', async () => {
    using world = await apiWorld();
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(8 * 1024).fill(0x20));
      },
    });
    const response = await world.app.fetch(
      new Request(`http://localhost${TRIGGER}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${world.one}`, 'content-type': 'application/json' },
        body,
        duplex: 'half',
      }),
    );
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(10);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'is refused with the type "%s"',
    async (type) => {
      using world = await apiWorld();
      const headers = { 'content-type': type };
      const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT, headers });
      expect(got).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    },
  );
});

describe('a caller of the API', () => {
  test('gets Retry-After beyond the rate limit, without an effect on other callers', async () => {
    using world = await apiWorld({ rate: { perSecond: 0.01, burst: 2 } });
    const ask = (token: string) =>
      world.ask('POST', '/api/v1/active-schedule/dry-run', { token, body: ABOUT });
    expect((await ask(world.one)).status).toBe(200);
    expect((await ask(world.one)).status).toBe(200);
    const third = await ask(world.one);
    expect(third).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask(world.two)).status).toBe(200);
  });

  test('gets no more requests at once, and none by more tokens', async () => {
    using world = await apiWorld({ rate: { perSecond: 0.01, burst: 5 } });
    const second = await world.tokens.create({
      name: 'a second one',
      userId: '1',
      scopes: ['trigger:raise', 'trigger:read'],
    });
    if (second.outcome !== 'created') throw new Error(second.message);
    const ask = (token: string) =>
      world.ask('POST', '/api/v1/active-schedule/dry-run', { token, body: ABOUT });
    const tokens = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? world.one : second.token));
    const all = await Promise.all(tokens.map(ask));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(all.filter(({ status }) => status === 429)).toHaveLength(25);
    expect((await ask(world.two)).status).toBe(200);
  });

  test('is refused after its token was revoked', async () => {
    using world = await apiWorld();
    const [first] = await world.tokens.list();
    await world.tokens.revoke(first?.tokenId ?? '');
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT });
    expect(got.status).toBe(401);
  });
});

describe('each answer', () => {
  test('has a request id and headers against caching and framing', async () => {
    using world = await apiWorld();
    for (const path of [TRIGGER, '/openapi.json', '/nowhere', '/api/v1/%ff']) {
      const got = await world.ask('GET', path);
      expect(got.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(got.headers.get('cache-control')).toBe('no-store');
      expect(got.headers.get('x-content-type-options')).toBe('nosniff');
      expect(got.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(got.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('has the caller’s request id if it is safe to log', async () => {
    using world = await apiWorld();
    const ask = (id: string) => world.ask('GET', '/nowhere', { headers: { 'x-request-id': id } });
    expect((await ask('abc-1')).headers.get('x-request-id')).toBe('abc-1');
    expect((await ask('a b{}')).headers.get('x-request-id')).not.toBe('a b{}');
  });

  test('to a wrong method names the allowed methods', async () => {
    using world = await apiWorld();
    const got = await world.ask('DELETE', TRIGGER, { token: world.one });
    expect(got).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(got.headers.get('allow')).toBe('POST');
    const channel = await world.ask('PATCH', '/api/v1/notification/channels/webhook');
    expect(channel.headers.get('allow')).toBe('GET, PUT, DELETE');
  });
});

describe('a failure of the API', () => {
  const canary = 'canary-esdb://admin:changeit@10.0.0.1';

  test('of the store answers 503 without the message, and logs it with the request id', async () => {
    const store = memoryStore();
    const lines: string[] = [];
    const logger = jsonLogger({ destination: { write: (line) => void lines.push(line) } });
    using world = await apiWorld({
      store,
      logger,
      kernel: {
        ...(await apiWorld()).kernel,
        raise: () =>
          Promise.reject(
            new TocsinError('unavailable', 'store_unavailable', canary, { hint: canary }),
          ),
      },
    });
    const headers = { 'x-request-id': 'r-1' };
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT, headers });
    expect(got).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(got.headers.get('retry-after')).toBe('1');
    expect(got.text).not.toContain('canary');
    expect(lines.join('')).toContain('"requestId":"r-1"');
    expect(lines.join('')).not.toContain('changeit');
  });

  test.each(['store_access_denied', 'store_login_failed'])(
    'by the store, which denies with %s, answers 503',
    async (code) => {
      using world = await apiWorld({
        kernel: {
          ...(await apiWorld()).kernel,
          raise: () => Promise.reject(new TocsinError('usage', code, canary, { hint: canary })),
        },
      });
      const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT });
      expect(got).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    },
  );

  test('inside the API answers 500 without the message, and logs no token', async () => {
    const lines: string[] = [];
    const logger = jsonLogger({
      level: 'debug',
      destination: { write: (line) => void lines.push(line) },
    });
    using world = await apiWorld({
      logger,
      kernel: {
        ...(await apiWorld()).kernel,
        trigger: () => Promise.reject(new Error(canary)),
      },
    });
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT });
    expect(got).toMatchObject({ status: 500, body: { code: 'internal_error' } });
    expect(got.text).not.toContain('canary');
    await world.ask('GET', `${TRIGGER}/x`, { token: world.two });
    for (const token of [world.one, world.two, 'changeit']) {
      expect(lines.join('')).not.toContain(token.slice(-43));
    }
    expect(lines.length).toBeGreaterThan(2);
  });

  test('to read the tokens refuses all callers', async () => {
    using world = await apiWorld({
      authenticate: () =>
        Promise.reject(new TocsinError('unavailable', 'store_unavailable', canary, { hint: '' })),
    });
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT });
    expect(got).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(got.text).not.toContain('canary');
  });

  test('to identify the caller at all ends with the deadline of the request', async () => {
    using world = await apiWorld({ authenticate: () => new Promise(() => undefined) });
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    const got = await world.ask('POST', TRIGGER, { token: world.one, body: ABOUT });
    timeout.mockRestore();
    expect(got).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(got.text).toContain('nothing was done');
  });

  test('for want of an evaluator or of a list of deliveries answers unavailable', async () => {
    using world = await apiWorld({ kernelOptions: { evaluation: 'later' } });
    const got = await world.ask('POST', '/api/v1/active-schedule/dry-run', {
      token: world.one,
      body: ABOUT,
    });
    expect(got).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  });
});
