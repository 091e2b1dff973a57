// The console behind a reverse proxy under a name of its own: a real proxy that keeps the Host header, and one that
// rewrites it, as proxies do by default.
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createConsole } from '../../src/adapters/http/console/app.ts';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { memoryAudit } from '../support/memory-audit.ts';

const NAME = 'ops.example.com';
let opened = new AsyncDisposableStack();

afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

/** A console on a port of its own, with a token for it. */
async function consoleWith(hosts: readonly string[]) {
  const store = memoryStore();
  const kernel = opened.use(await openKernel({ ...scheduleProduct, store }));
  const tokens = createTokens({ store });
  const app = opened.use(
    createConsole({
      ...{ kernel, store, tokens, hosts },
      audit: () => memoryAudit(store),
    }),
  );
  const { url, close } = await serveHttp(app, { port: 0 });
  opened.defer(close);
  const made = await tokens.create({ name: 'a test', scopes: ['console:read', 'console:act'] });
  return { port: Number(new URL(url).port), token: made.outcome === 'created' ? made.token : '' };
}

/** A proxy as most are set up: it adds X-Forwarded headers. */
async function proxyTo(port: number, keepsHost: boolean): Promise<number> {
  const server: Server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const host = keepsHost ? headers.host : `127.0.0.1:${port}`;
    const forwarded = { 'x-forwarded-host': headers.host, 'x-forwarded-proto': 'https' };
    const sent = request({ port, method, path, headers: { ...headers, ...forwarded, host } });
    sent.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return isPort(address) ? address.port : 0;
}

function isPort(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

type Asked = {
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A browser that knows the proxy by its name. `fetch` sets the Host header itself, so this is a bare request. */
async function ask(port: number, path: string, { form, headers = {} }: Asked = {}) {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString();
  const sent = request({
    port,
    path: `/console${path}`,
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      host: NAME,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${NAME}` }),
      ...headers,
    },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  sent.end(body);
  const answer = await answered;
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, text };
}

describe('a console behind a proxy', () => {
  for (const keepsHost of [true, false]) {
    const how = keepsHost ? 'keeps the Host header' : 'rewrites the Host header';
    it(`signs in and takes forms under its name when the proxy ${how}`, async () => {
      const { port, token } = await consoleWith([`https://${NAME}`]);
      const proxy = await proxyTo(port, keepsHost);
      const entered = await ask(proxy, '/enter', { form: { token } });
      expect(entered.status).toBe(303);
      const [cookie = ''] = entered.headers['set-cookie'] ?? [];
      expect(cookie).toContain('Secure');
      const headers = { cookie: cookie.split(';')[0] ?? '' };
      const page = await ask(proxy, '/policies', { headers });
      expect(page.status).toBe(200);
      const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
      const form = { csrf, type: '*', policy: 'none', reason: 'a test' };
      expect((await ask(proxy, '/policies/set', { form, headers })).status).toBe(303);
      const foreign = { ...headers, origin: 'https://evil.example' };
      expect((await ask(proxy, '/policies/set', { form, headers: foreign })).status).toBe(403);
    });
  }

  it('refuses a name that no setting names, whatever X-Forwarded headers say', async () => {
    const { port } = await consoleWith([]);
    const proxy = await proxyTo(port, true);
    expect((await ask(proxy, '')).status).toBe(421);
    const named = await consoleWith([NAME]);
    const other = await proxyTo(named.port, true);
    const headers = { host: 'evil.example', 'x-forwarded-host': NAME };
    expect((await ask(other, '', { headers })).status).toBe(421);
    expect((await ask(other, '')).status).toBe(401);
  });

  it('believes no X-Forwarded header: a form of another origin stays refused', async () => {
    const { port, token } = await consoleWith([]);
    const headers = {
      host: `127.0.0.1:${port}`,
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      origin: 'https://evil.example',
    };
    expect((await ask(port, '/enter', { form: { token }, headers })).status).toBe(401);
    const own = { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` };
    const entered = await ask(port, '/enter', { form: { token }, headers: own });
    expect(entered.status).toBe(303);
    expect(entered.headers['set-cookie']?.[0]).not.toContain('Secure');
  });

  it('refuses a setting that is no name', async () => {
    for (const host of ['https://ops.example.com/console', 'a b', '', 'user@ops.example.com'])
      await expect(consoleWith([host])).rejects.toMatchObject({ code: 'invalid_host' });
  });
});
