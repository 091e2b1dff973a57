// Who gets into the console, and which forms it takes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole } from '../../src/adapters/http/console/app.ts';
import type { ConsoleApp, ConsoleOptions } from '../../src/adapters/http/console/options.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { createTokens, type Tokens } from '../../src/kernel/access/tokens.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { memoryAudit } from '../support/memory-audit.ts';

let store: EventStore;
let kernel: Kernel;
let tokens: Tokens;
let app: ConsoleApp;
const apps: ConsoleApp[] = [];

const PATHS = [
  ...['', '/notifications', '/notifications.json', '/now.json', '/live', '/find?q=1', '/story/x'],
  ...['/story/x/story.json', '/users/1', '/policies', '/deliveries', '/parked', '/parked/x'],
  ...['/streams', '/streams/x', '/audit', '/audit/export.ndjson', '/jobs/x', '/unknown'],
  ...['/jobs/x/file', '/users/1/forget'],
];
const FORMS = [
  ...[
    '/policies/set',
    '/policies/mute',
    '/policies/unmute',
    '/policies/try',
    '/deliveries/redrive',
  ],
  ...['/deliveries/x/redrive', '/parked/x', '/audit/verify', '/audit/replay', '/leave'],
  ...['/story/x/proof', '/users/1/forget'],
];

beforeAll(async () => {
  store = memoryStore();
  kernel = await openKernel({ ...scheduleProduct, store });
  tokens = createTokens({ store });
  app = consoleWith();
});
afterAll(async () => {
  for (const each of apps) each[Symbol.dispose]();
  await kernel[Symbol.asyncDispose]();
});

function consoleWith(options: Partial<ConsoleOptions> = {}): ConsoleApp {
  const made = createConsole({
    kernel,
    store,
    tokens,
    audit: () => memoryAudit(store),
    ...options,
  });
  apps.push(made);
  return made;
}

type Asked = {
  readonly form?: Readonly<Record<string, string>>;
  readonly cookie?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly of?: ConsoleApp;
  readonly base?: string;
};

function ask(path: string, { form, cookie, headers, of = app, base = '/console' }: Asked = {}) {
  return of.fetch(
    new Request(`http://127.0.0.1:8080${base}${path}`, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { ...(cookie === undefined ? {} : { cookie }), ...headers },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    }),
  );
}

function cookieOf(response: Response): string {
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

async function token(...scopes: ('console:read' | 'console:act' | 'policy:read')[]) {
  const made = await tokens.create({ name: 'a test', scopes });
  if (made.outcome !== 'created') throw new Error(made.message);
  return { text: made.token, id: made.view.tokenId };
}

async function signedIn(...scopes: ('console:read' | 'console:act')[]): Promise<string> {
  return cookieOf(await ask('/enter', { form: { token: (await token(...scopes)).text } }));
}

async function csrfOf(cookie: string): Promise<string> {
  const text = await (await ask('/policies', { cookie })).text();
  return /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';
}

describe('the console', () => {
  it('shows no page and takes no form without a session', async () => {
    for (const path of PATHS) expect([path, (await ask(path)).status]).toEqual([path, 401]);
    for (const path of FORMS) {
      expect([path, (await ask(path, { form: {} })).status]).toEqual([path, 401]);
    }
  });

  it('begins a session by its one-time link once', async () => {
    const path = app.oneTimePath().slice('/console'.length);
    const first = await ask(path);
    expect(first.status).toBe(303);
    expect((await ask('/policies', { cookie: cookieOf(first) })).status).toBe(200);
    const second = await ask(path);
    expect(second.status).toBe(401);
    expect(second.headers.get('set-cookie')).toBeNull();
  });

  it('keeps the cookie of a session from scripts and from other sites', async () => {
    const entered = await ask(app.oneTimePath().slice('/console'.length));
    const cookie = entered.headers.get('set-cookie') ?? '';
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/console'])
      expect(cookie).toContain(part);
  });

  it('lets in a token with console:read only, until it is revoked', async () => {
    const other = await token('policy:read');
    expect((await ask('/enter', { form: { token: other.text } })).status).toBe(401);
    expect((await ask('/enter', { form: { token: 'tcs_nothing' } })).status).toBe(401);
    const reader = await token('console:read');
    const cookie = cookieOf(await ask('/enter', { form: { token: reader.text } }));
    expect((await ask('/policies', { cookie })).status).toBe(200);
    await tokens.revoke(reader.id);
    expect((await ask('/policies', { cookie })).status).toBe(401);
  });

  it('ends a session that signs out', async () => {
    const cookie = await signedIn('console:read');
    await ask('/leave', { cookie, form: { csrf: await csrfOf(cookie) } });
    expect((await ask('/policies', { cookie })).status).toBe(401);
  });

  it('refuses every form without the proof of its session', async () => {
    const cookie = await signedIn('console:read', 'console:act');
    const foreign = await csrfOf(await signedIn('console:read', 'console:act'));
    for (const path of FORMS) {
      for (const form of [{}, { csrf: foreign }]) {
        expect([path, (await ask(path, { cookie, form })).status]).toEqual([path, 403]);
      }
    }
  });

  it('refuses a proven form that another site sends', async () => {
    const cookie = await signedIn('console:read', 'console:act');
    const form = { csrf: await csrfOf(cookie), type: '*', policy: 'none', reason: 'a test' };
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.example' },
    ]) {
      expect((await ask('/policies/set', { cookie, form, headers })).status).toBe(403);
    }
    const own = { origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' };
    expect((await ask('/policies/set', { cookie, form, headers: own })).status).toBe(303);
  });

  it('changes nothing for a token without console:act, and shows it no form that would', async () => {
    const cookie = await signedIn('console:read');
    const form = { csrf: await csrfOf(cookie), type: '*', for: '1h', reason: 'a test' };
    expect((await ask('/policies/mute', { cookie, form })).status).toBe(403);
    expect(await (await ask('/policies', { cookie })).text()).not.toContain('/policies/mute');
    expect(Object.keys((await kernel.policies.show()).mutes)).toEqual([]);
  });

  it('refuses a host name that is not known to be its own', async () => {
    for (const host of ['evil.example', 'evil.example:8080', '127.0.0.1.evil.example']) {
      expect((await ask('', { headers: { host } })).status).toBe(421);
    }
    for (const host of ['127.0.0.1:8080', 'localhost:1', '[::1]:8080']) {
      expect((await ask('', { headers: { host } })).status).toBe(401);
    }
    const named = consoleWith({ hosts: ['tocsin.example'] });
    expect((await ask('', { of: named, headers: { host: 'tocsin.example' } })).status).toBe(401);
  });

  it('forbids inline code, foreign requests and frames on every answer', async () => {
    for (const path of ['', '/assets/console.js', '/assets/none', '/unknown']) {
      const { headers } = await ask(path);
      const csp = headers.get('content-security-policy') ?? '';
      expect(csp).toContain("default-src 'none'");
      expect(csp).not.toContain('unsafe');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('leads back to its own pages only', async () => {
    for (const back of [
      ...[
        'https://evil.example',
        '//evil.example',
        '/\\evil.example',
        '/other',
        '\t//evil.example',
      ],
      ...['/console/..//evil.example', '/console/%2e%2e/other', '/console/../other', '/console//x'],
    ]) {
      const answer = await ask(`/language?to=zh-CN&back=${encodeURIComponent(back)}`);
      expect(answer.headers.get('location')).toBe('/console');
    }
    const own = await ask(`/language?to=en&back=${encodeURIComponent('/console/policies?x=1')}`);
    expect(own.headers.get('location')).toBe('/console/policies?x=1');
  });

  it('is mounted at a path of the host, taken off or not', async () => {
    const mounted = consoleWith({ basePath: '/ops/console/' });
    const path = mounted.oneTimePath();
    expect(path).toMatch(/^\/ops\/console\/enter\?key=/);
    const entered = await ask(path, { of: mounted, base: '' });
    expect(entered.headers.get('location')).toBe('/ops/console');
    const cookie = cookieOf(entered);
    for (const base of ['/ops/console', '']) {
      const page = await ask('/policies', { of: mounted, base, cookie });
      expect(page.status).toBe(200);
      expect(await page.text()).toContain('href="/ops/console/assets/console.css"');
    }
  });

  it('says what to do while there is no read model', async () => {
    const missing = () => {
      throw new TocsinError('usage', 'file_unusable', 'no such file', { hint: 'x' });
    };
    const early = consoleWith({ audit: missing });
    const cookie = cookieOf(await ask(early.oneTimePath(), { of: early, base: '' }));
    expect((await ask('', { of: early, cookie })).status).toBe(200);
    const list = await ask('/notifications', { of: early, cookie });
    expect(list.status).toBe(503);
    expect(await list.text()).toContain('Start a projector');
  });

  it('answers strange addresses with 400 or 404, and never with an error of its own', async () => {
    const cookie = await signedIn('console:read');
    const wrong = [
      ...['/notifications?before=99999999999999999999999-1', '/notifications?before=-1'],
      ...['/notifications?verdict=__proto__', '/?span=constructor', '/users/1?span=century'],
      ...['/deliveries?before=1e9', '/deliveries?status=toString', '/parked?from=x'],
      ...['/streams?before=99999999999999999999/1', '/streams/tocsin.control?from=x'],
      ...[`/notifications?user=${'x'.repeat(300)}`, '/notifications?to=30.04.2026'],
      ...['/story/x?at=yesterday', '/story/x/story.json?at=yesterday'],
    ];
    for (const path of wrong) {
      expect([path, (await ask(path, { cookie })).status]).toEqual([path, 400]);
    }
    for (const path of [
      '/assets/__proto__',
      '/assets/constructor',
      '/assets/..%2fapp.ts',
      '/jobs/x',
    ])
      expect([path, (await ask(path, { cookie })).status]).toEqual([path, 404]);
  });

  it('starts a session of its own, whatever cookie a browser brings, and not by an earlier link', async () => {
    const planted = 'tocsin_console=planted';
    const path = app.oneTimePath().slice('/console'.length);
    const entered = await ask(path, { cookie: planted });
    expect(cookieOf(entered)).not.toBe(planted);
    expect((await ask('/policies', { cookie: planted })).status).toBe(401);
  });

  it('refuses a trial of what is no trigger type', async () => {
    const cookie = await signedIn('console:read');
    const form = { csrf: await csrfOf(cookie), type: '<script>', policy: 'none' };
    const answer = await ask('/policies/try', { cookie, form });
    expect(answer.headers.get('location')).toBe('/console');
  });

  it('keeps every page and download out of caches', async () => {
    const cookie = await signedIn('console:read');
    for (const path of ['', '/policies', '/notifications.json', '/audit/export.ndjson', '/enter'])
      expect((await ask(path, { cookie })).headers.get('cache-control')).toBe('no-store');
  });

  it('refuses a form that is larger than its limit', async () => {
    const cookie = await signedIn('console:read', 'console:act');
    const form = { csrf: await csrfOf(cookie), reason: 'x'.repeat(40_000) };
    expect((await ask('/policies/mute', { cookie, form })).status).toBe(403);
  });
});
