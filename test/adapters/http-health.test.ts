import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createHealthApp, serveHealth } from '../../src/adapters/http/server/health.ts';
import type { HttpServer } from '../../src/adapters/http/server/serve.ts';
import type { ProjectorStatus } from '../../src/projections/publisher/status.ts';
import { idleStatus } from './status.support.ts';

const limits = { lagSeconds: 60, stalledSeconds: 30 };

const appOf = (changes: Partial<ProjectorStatus> = {}) =>
  createHealthApp({
    status: () => ({ ...idleStatus, ...changes }),
    metrics: () => Promise.resolve('tocsin_running 1\n'),
    limits,
  });

async function ready(changes: Partial<ProjectorStatus>): Promise<[number, unknown]> {
  const response = await appOf(changes).request('/health/ready');
  return [response.status, await response.json()];
}

describe('ready', () => {
  test('is a projector that runs, has caught up and keeps up', async () => {
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

  test('with parked events is degraded, because later events pass them', async () => {
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
    [{ caughtUp: false }, 'catching_up', 'what is in the log has not been projected yet'],
    [{ lagSeconds: 75.25 }, 'lagging', '75.3 s behind, more than 60 s'],
    [{ stalledSeconds: 31 }, 'stalled', 'no progress for 31.0 s, more than 30 s'],
  ] as const)('is not %j', async (changes, code, message) => {
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

  test('is not a projector that cannot tell its state; why is not for everybody', async () => {
    const app = createHealthApp({
      status: () => {
        throw new Error('secret path');
      },
      metrics: () => Promise.reject(new Error('secret path')),
      limits,
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

test('live is a process that answers, whatever its projector does', async () => {
  const response = await appOf({ phase: 'stopped' }).request('/health/live');
  expect([response.status, await response.json()]).toEqual([200, { live: true }]);
});

test('metrics are Prometheus text, and nothing is kept by caches', async () => {
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
])('%s %s is not there, in the form of a problem', async (method, path) => {
  const response = await appOf().request(path, { method });
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ type: 'about:blank', status: 404 });
});

describe('served', () => {
  const servers: HttpServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const serve = async (address: { readonly host?: string; readonly port: number }) => {
    const server = await serveHealth(appOf(), address);
    servers.push(server);
    return server;
  };

  test('on a free port of the loopback, with the same Request for everybody', async () => {
    const before = globalThis.Request;
    const { url } = await serve({ port: 0 });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(globalThis.Request).toBe(before);
  });

  test('on a taken port it says so, with a way out', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(serveHealth(appOf(), { port })).rejects.toMatchObject({
      name: 'TocsinError',
      kind: 'usage',
      code: 'http_unavailable',
      message: `127.0.0.1:${port} is taken by another process`,
    });
    other.close();
  });

  test('at an address of somebody else it says so', async () => {
    // 192.0.2.0/24 is for documentation: no machine has it.
    await expect(serveHealth(appOf(), { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({
      kind: 'usage',
      code: 'http_unavailable',
      message: '192.0.2.1:0 cannot be listened at',
    });
  });

  // Node by itself waits for a minute.
  const patience = { timeout: 30_000 };
  test(
    'closes although a client holds its connection open and says nothing',
    patience,
    async () => {
      const server = await serveHealth(appOf(), { port: 0 });
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
