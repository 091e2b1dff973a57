import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createHealthApp } from '../../src/adapters/http/server/health.ts';
import { projectorReadiness, storeReadiness } from '../../src/adapters/http/server/readiness.ts';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';
import type { HttpServer } from '../../src/adapters/http/server/serve.ts';
import type { ProjectorStatus } from '../../src/projections/publisher/status.ts';
import { idleStatus } from './status.support.ts';

const limits = { lagSeconds: 60, stalledSeconds: 30 };

const appOf = (changes: Partial<ProjectorStatus> = {}) =>
  createHealthApp({
    readiness: () => projectorReadiness(() => ({ ...idleStatus, ...changes }), limits),
    metrics: () => Promise.resolve('tocsin_running 1\n'),
  });

async function ready(changes: Partial<ProjectorStatus>): Promise<[number, unknown]> {
  const response = await appOf(changes).request('/health/ready');
  return [response.status, await response.json()];
}

describe('/health/ready of a projector', () => {
  test('answers 200 for a projector that runs, has caught up and keeps up', async () => {
    expect(await ready({})).toEqual([
      200,
      {
        ready: true,
        degraded: false,
        reasons: [],
        role: 'active',
        lagSeconds: 0,
        stalledSeconds: 0,
        parked: 0,
      },
    ]);
    expect(await ready({ role: 'standby' })).toMatchObject([200, { role: 'standby' }]);
    expect(await ready({ lagSeconds: 60, stalledSeconds: 30 })).toMatchObject([200, {}]);
  });

  test('answers 200 and degraded with parked events, because later events pass them', async () => {
    expect(await ready({ parked: 2 })).toMatchObject([200, { degraded: true, parked: 2 }]);
  });

  test.each([
    [{ phase: 'stopped' }, 'stopped', 'the projector does not run'],
    [
      { phase: 'waiting', lastFailure: 'nats://127.0.0.1:4222 is away' },
      'waiting',
      'waiting before the next try: nats://127.0.0.1:4222 is away',
    ],
    [{ phase: 'waiting' }, 'waiting', 'waiting before the next try'],
    [{ caughtUp: false }, 'catching_up', 'the log has events that are not projected yet'],
    [
      { caughtUp: false, storeAway: { seconds: 12.34, reason: 'connection refused' } },
      'store_away',
      'the event store has been away for 12.3 s: connection refused',
    ],
    [{ lagSeconds: 75.25 }, 'lagging', '75.3 s behind, more than 60 s'],
    [{ stalledSeconds: 31 }, 'stalled', 'no progress for 31.0 s, more than 30 s'],
  ] as const)('answers 503 for %j', async (changes, code, message) => {
    expect(await ready({ ...changes, parked: 1 })).toMatchObject([
      503,
      { ready: false, degraded: false, reasons: [{ code, message }] },
    ]);
  });

  test('lists every reason', async () => {
    const [status, body] = await ready({ phase: 'waiting', caughtUp: false, lagSeconds: 90 });
    expect(status).toBe(503);
    expect(body).toMatchObject({
      reasons: [{ code: 'waiting' }, { code: 'catching_up' }, { code: 'lagging' }],
    });
  });

  test('answers 503 without the cause for a status that cannot be read', async () => {
    const app = createHealthApp({
      readiness: () =>
        projectorReadiness(() => {
          throw new Error('secret path');
        }, limits),
      metrics: () => Promise.reject(new Error('secret path')),
    });
    const health = await app.request('/health/ready');
    expect(health.status).toBe(503);
    const text = await health.text();
    expect(text).toContain('status_unreadable');
    const metrics = await app.request('/metrics');
    expect(metrics.status).toBe(500);
    expect(metrics.headers.get('content-type')).toBe('application/problem+json');
    expect(text + (await metrics.text())).not.toContain('secret');
    expect((await app.request('/health/live')).status).toBe(200);
  });
});

describe('/health/ready of a process that projects nothing', () => {
  const appOver = (probe: () => Promise<unknown>) =>
    createHealthApp({ readiness: () => storeReadiness(probe), metrics: () => Promise.resolve('') });

  test('answers 200 when the event store answers', async () => {
    const response = await appOver(() => Promise.resolve()).request('/health/ready');
    expect([response.status, await response.json()]).toEqual([200, { ready: true, reasons: [] }]);
  });

  test('answers 503 without the cause when the event store cannot be reached', async () => {
    const app = appOver(() => Promise.reject(new Error('secret path')));
    const response = await app.request('/health/ready');
    expect([response.status, await response.json()]).toEqual([
      503,
      {
        ready: false,
        reasons: [{ code: 'store_unavailable', message: 'the event store cannot be reached' }],
      },
    ]);
  });
});

test('/health/live answers 200 also while the projector is stopped', async () => {
  const response = await appOf({ phase: 'stopped' }).request('/health/live');
  expect([response.status, await response.json()]).toEqual([200, { live: true }]);
});

test('/metrics answers Prometheus text that caches do not keep', async () => {
  const response = await appOf().request('/metrics');
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.text()).toBe('tocsin_running 1\n');
});

test.each([
  ['GET', '/'],
  ['GET', '/health'],
  ['POST', '/health/ready'],
  ['GET', '/metrics/..%2f..%2fetc'],
])('%s %s answers 404 as application/problem+json', async (method, path) => {
  const response = await appOf().request(path, { method });
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ type: 'about:blank', status: 404 });
});

describe('serveHttp', () => {
  const servers: HttpServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const serve = async (address: { readonly host?: string; readonly port: number }) => {
    const server = await serveHttp(appOf(), address);
    servers.push(server);
    return server;
  };

  test('listens on a free port of 127.0.0.1 and leaves the global Request as it was', async () => {
    const before = globalThis.Request;
    const { url } = await serve({ port: 0 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(globalThis.Request).toBe(before);
  });

  test('rejects a taken port with http_unavailable', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(serveHttp(appOf(), { port })).rejects.toMatchObject({
      name: 'TocsinError',
      kind: 'usage',
      code: 'http_unavailable',
      message: `127.0.0.1:${port} is in use by another process`,
    });
    other.close();
  });

  test('rejects an address of another machine with http_unavailable', async () => {
    // 192.0.2.0/24 is for documentation: no machine has it.
    await expect(serveHttp(appOf(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      kind: 'usage',
      code: 'http_unavailable',
      message: '192.0.2.1:0 is not an address to listen at',
    });
  });

  // Node by itself waits for a minute.
  const patience = { timeout: 30_000 };
  test(
    'closes although a client holds its connection open without a complete request',
    patience,
    async () => {
      const server = await serveHttp(appOf(), { port: 0 });
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      const gone = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => undefined);
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      await new Promise((resolve) => socket.once('data', resolve));
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n');
      await server.close();
      await gone;
      await expect(fetch(`${server.url}/health/live`)).rejects.toThrow('fetch failed');
    },
  );
});
