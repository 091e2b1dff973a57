// The API mounted in servers of the host's: under Hono, Fastify, Express, node:http and a route handler as Next has them.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import { Hono } from 'hono';
import { mount } from 'hono/mount';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { nodeHandler } from '../../src/http.ts';
import { apiWorld, type ApiWorld } from './api.support.ts';

const TRIGGER = '/api/v1/active-schedule/trigger';
const BASE = '/notify';

const require = createRequire(import.meta.url);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
type Express = Handler & {
  readonly use: (...handlers: readonly (string | Handler)[]) => void;
};
const express = z
  .custom<(() => Express) & { readonly json: () => Handler }>(
    (value) => typeof value === 'function',
  )
  .parse(require('express'));

/** A host with the API; where it answers. */
type Mounted = AsyncDisposable & { readonly fetch: (request: Request) => Promise<Response> };

async function listening(handler: Handler): Promise<Mounted> {
  const server = createServer(handler).listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return at((server.address() as AddressInfo).port, async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
}

function at(port: number, close: () => Promise<void>): Mounted {
  return {
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = request.method === 'GET' ? {} : { body: await request.text() };
      const { method, headers } = request;
      const init = { method, headers, ...body };
      return fetch(`http://127.0.0.1:${port}${pathname}${search}`, init);
    },
    [Symbol.asyncDispose]: close,
  };
}

const inProcess = (handler: Mounted['fetch']): Promise<Mounted> =>
  Promise.resolve({ fetch: handler, [Symbol.asyncDispose]: () => Promise.resolve() });

const hosts: Readonly<Record<string, (app: ApiWorld['app']) => Promise<Mounted>>> = {
  'Hono, mounted': (app) => {
    const host = new Hono().all(`${BASE}/*`, mount(app.fetch));
    return inProcess(async (request) => host.fetch(request));
  },
  'Hono, as a route': (app) => {
    const host = new Hono().all(`${BASE}/*`, ({ req }) => app.fetch(req.raw));
    return inProcess(async (request) => host.fetch(request));
  },
  Fastify: async (app) => {
    const host = fastify();
    const handle = nodeHandler(app);
    await host.register(
      (scope, _options, done) => {
        // The API reads bodies itself.
        scope.removeAllContentTypeParsers();
        scope.addContentTypeParser('*', (_request, _payload, parsed) => {
          parsed(null);
        });
        void scope.all('/*', (request, reply) => {
          void reply.hijack();
          handle(request.raw, reply.raw);
        });
        done();
      },
      { prefix: BASE },
    );
    await host.listen({ host: '127.0.0.1', port: 0 });
    return at((host.server.address() as AddressInfo).port, () => host.close());
  },
  Express: async (app) => {
    const host = express();
    host.use(BASE, nodeHandler(app));
    return listening(host);
  },
  'Express, after express.json()': async (app) => {
    const host = express();
    host.use(express.json());
    host.use(nodeHandler(app));
    return listening(host);
  },
  'node:http': (app) => listening(nodeHandler(app)),
  'a route handler of Next': (app) => {
    // app/notify/[...path]/route.ts
    type Context = { readonly params: Promise<{ readonly path: readonly string[] }> };
    type Route = (request: Request, context: Context) => Response | Promise<Response>;
    const { fetch: GET, fetch: POST } = app;
    const routes: Readonly<Record<string, Route>> = { GET, POST };
    return inProcess(async (request) => {
      const path = new URL(request.url).pathname.split('/').slice(2);
      const route = routes[request.method];
      if (route === undefined) throw new Error(request.method);
      return route(request, { params: Promise.resolve({ path }) });
    });
  },
};

describe('the API under a base path', () => {
  test.for(Object.entries(hosts))('is mounted in %s', async ([, mounted]) => {
    using world = await apiWorld({ basePath: BASE });
    await using host = await mounted(world.app);
    const ask = (path: string, init: RequestInit = {}) =>
      host.fetch(
        new Request(`http://pay.example${BASE}${path}`, {
          ...init,
          headers: { authorization: `Bearer ${world.one}`, 'content-type': 'application/json' },
        }),
      );
    const about = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };
    const raised = await ask(TRIGGER, { method: 'POST', body: JSON.stringify(about) });
    expect(raised.status).toBe(201);
    const { trigger_id: id } = z.object({ trigger_id: z.string() }).parse(await raised.json());
    const seen = await ask(`${TRIGGER}/${id}`);
    expect([seen.status, await seen.json()]).toMatchObject([200, { trigger_id: id, user_id: 1 }]);
    const document = await (await ask('/openapi.json')).json();
    expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: BASE }] });
    const missing = await ask('/nothing');
    expect([missing.status, missing.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json',
    ]);
  });

  test('is taken in any spelling, and without one the API is at the root', async () => {
    for (const basePath of ['notify', '/notify/', '/notify']) {
      using world = await apiWorld({ basePath });
      const { status } = await world.app.fetch(new Request('http://a.example/notify/openapi.json'));
      expect(status).toBe(200);
    }
    using world = await apiWorld();
    expect(world.app.openApi).toMatchObject({ servers: [{ url: '/' }] });
  });
});
