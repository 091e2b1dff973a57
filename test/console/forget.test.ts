// Forgetting a user from the console: the personal data are gone, and only who may and who confirms can do it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole } from '../../src/adapters/http/console/app.ts';
import type { ConsoleApp } from '../../src/adapters/http/console/options.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { createTokens, type Tokens } from '../../src/kernel/access/tokens.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { forgetUser } from '../../src/kernel/sealing/forget.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { memoryAudit } from '../support/memory-audit.ts';
import { until } from '../support/until.ts';
import { memoryVault } from '../support/vault.ts';

const store = memoryStore();
const vault = memoryVault();
let kernel: Kernel;
let tokens: Tokens;
const apps: ConsoleApp[] = [];

beforeAll(async () => {
  kernel = await openKernel({ ...scheduleProduct, store, vault });
  tokens = createTokens({ store });
  await kernel.raise({
    ...{ userId: 42, triggerType: 'important_urgent_task', source: 'api_trigger' },
    ...{ targetType: 'task_pool', targetId: 1, payload: { title: 'a canary' } },
  });
});
afterAll(async () => {
  for (const app of apps) app[Symbol.dispose]();
  await kernel[Symbol.asyncDispose]();
});

function open(hasVault: boolean): ConsoleApp {
  const context = { store, vault, channels: kernel.channels, tokens, kernel: 'tocsin' };
  const app = createConsole({
    kernel,
    store,
    tokens,
    audit: () => memoryAudit(store),
    forget: hasVault ? (user, { actor }) => forgetUser({ ...context, actor }, user) : undefined,
  });
  apps.push(app);
  return app;
}

async function signedIn(app: ConsoleApp, ...scopes: ('console:read' | 'console:act')[]) {
  const made = await tokens.create({ name: 'a test', scopes });
  const token = made.outcome === 'created' ? made.token : '';
  const ask = (path: string, cookie: string, form?: Readonly<Record<string, string>>) =>
    app.fetch(
      new Request(`http://127.0.0.1/console${path}`, {
        method: form === undefined ? 'GET' : 'POST',
        headers: { cookie },
        ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
      }),
    );
  const entered = await ask('/enter', '', { token });
  const cookie = (entered.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const csrf = /name="csrf" value="([^"]+)"/.exec(
    await (await ask('/policies', cookie)).text(),
  )?.[1];
  return {
    csrf: csrf ?? '',
    ask: (path: string, form?: Readonly<Record<string, string>>) => ask(path, cookie, form),
  };
}

describe('the page of a user', () => {
  it('names the command where the console has no vault, and forgets nobody', async () => {
    const { ask, csrf } = await signedIn(open(false), 'console:read', 'console:act');
    const text = await (await ask('/users/42')).text();
    expect(text).toContain('tocsin forget --user 42');
    expect(text).not.toContain('/users/42/forget');
    expect((await ask('/users/42/forget')).status).toBe(404);
    expect((await ask('/users/42/forget', { csrf, confirm: '42' })).status).toBe(404);
  });

  it('names the command to a token without console:act, and refuses its form', async () => {
    const { ask, csrf } = await signedIn(open(true), 'console:read');
    expect(await (await ask('/users/42')).text()).toContain('tocsin forget --user 42');
    expect((await ask('/users/42/forget')).status).toBe(403);
    expect((await ask('/users/42/forget', { csrf, confirm: '42' })).status).toBe(403);
    expect(vault.secrets.size).toBe(1);
  });

  it('says what forgetting does, and forgets the user when the id is typed', async () => {
    const { ask, csrf } = await signedIn(open(true), 'console:read', 'console:act');
    const asked = await (await ask('/users/42/forget')).text();
    for (const part of ['Shreds the user’s key', 'It deletes no event', 'cannot be undone'])
      expect(asked).toContain(part);
    expect((await ask('/users/42/forget', { confirm: '42' })).status).toBe(403);
    const wrong = await ask('/users/42/forget', { csrf, confirm: '4' });
    expect(wrong.headers.get('location')).toBe('/console/users/42/forget');
    expect(vault.secrets.size).toBe(1);
    const right = await ask('/users/42/forget', { csrf, confirm: '42' });
    const job = (right.headers.get('location') ?? '').slice('/console'.length);
    await until('the user is forgotten', async () =>
      (await (await ask(job)).text()).includes('The user is forgotten'),
    );
    expect(vault.secrets.size).toBe(0);
    const again = await ask('/users/42/forget', { csrf, confirm: '42' });
    const second = (again.headers.get('location') ?? '').slice('/console'.length);
    await until('a repeat says that there was no key', async () =>
      (await (await ask(second)).text()).includes('there was none'),
    );
  });
});
