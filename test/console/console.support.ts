// A recorded run behind a console: real files, real deliveries, a parked event, and one shared browser.
import { mkdtempSync, rmSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { findChromium } from '../../scripts/setup/chromium.mjs';
import { createConsole } from '../../src/adapters/http/console/app.ts';
import type { ConsoleApp } from '../../src/adapters/http/console/options.ts';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteNotaryState } from '../../src/adapters/sqlite/notary-state.ts';
import { openReadModelReader } from '../../src/adapters/sqlite/read-model.ts';
import { parseJson } from '../../src/domain/core/json.ts';
import { fromRaiseLine } from '../../src/domain/contracts/mapping.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openTocsin } from '../../src/facade/open-tocsin.ts';
import type { Tocsin } from '../../src/facade/options.ts';
import { forgetUser } from '../../src/kernel/sealing/forget.ts';
import { openNotary } from '../../src/kernel/open-notary.ts';
import { createParked } from '../../src/kernel/parked.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { publishedKeys } from '../../src/projections/notary/keys.ts';
import { heldHeads, testKey } from '../support/notary.ts';
import { recordedData } from '../support/through-commands.ts';
import { until } from '../support/until.ts';
import { memoryVault } from '../support/vault.ts';

/** Enough for windows with several requests; the whole set takes longer than a test may. */
const LINES = 400;

/** What a person, a receiver or another program may have put into the log. */
export const HOSTILE = `<img src=x onerror="window.wasHacked=1">'"><script>window.wasHacked=1</script>`;

/** A user id is visible ASCII without white space. */
export const HOSTILE_USER = `<svg/onload=window.wasHacked=1>"'&`;

export type ConsoleWorld = AsyncDisposable & {
  readonly tocsin: Tocsin;
  readonly store: EventStore;
  readonly console: ConsoleApp;
  /** The address of the console, `http://127.0.0.1:PORT/console`. */
  readonly url: string;
  readonly origin: string;
  readonly folder: string;
  /** The event that the projection has parked. */
  readonly parkedEvent: string;
  /** Signs a head that covers the whole log; returns its key as PEM. */
  readonly sign: () => Promise<string>;
  /** A token with these scopes. */
  readonly token: (...scopes: ('console:read' | 'console:act')[]) => Promise<string>;
};

const PARKED_EVENT = '6072f595-6a17-5132-a9b1-daa475c1b68e';

export async function openWorld(): Promise<ConsoleWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-console-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const store = opened.use(await embeddedStore({ file: join(folder, 'events.db') }));
  const types = scheduleProduct.triggers.map(({ type }) => type);
  const vault = memoryVault();
  const tocsin = opened.use(
    await openTocsin({
      ...scheduleProduct,
      folder,
      store,
      // The texts stay readable, so that hostile ones reach the pages.
      ...{ vault, seal: false },
      frontendUrl: 'https://example.test',
      channels: { feishu: { lookup: (user) => (user === '3' ? undefined : user), send: answerOf } },
    }),
  );
  const stop = new AbortController();
  const running = tocsin.run(stop.signal);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  let raised = 0;
  for await (const { outcome } of tocsin.raiseAll(await recordedLines())) {
    if (outcome === 'raised') raised += 1;
  }
  if (raised === 0) throw new Error('nothing was raised');
  await tocsin.raise({
    userId: HOSTILE_USER,
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: '<b>"&',
    payload: { title: HOSTILE },
  });
  await park(store);
  await tocsin.policies.mute(
    {
      triggerType: 'unfinished_feedback',
      until: new Date(Date.now() + 3_600_000),
      reason: HOSTILE,
    },
    { actor: HOSTILE_USER },
  );
  await until('everything is decided and delivered', async () => {
    await using audit = tocsin.audit();
    const { published, parkedNow } = audit.totals();
    const groups = tocsin.deliveries.groups({});
    const open = groups.filter(({ status }) => status === 'waiting' || status === 'attempting');
    const known = groups.reduce((sum, { count }) => sum + count, 0);
    return parkedNow === 1 && tocsin.status().caughtUp && open.length === 0 && known === published;
  });
  const key = testKey();
  const heads = heldHeads();
  const notary = openNotary({
    log: store,
    state: opened.use(sqliteNotaryState({ file: join(folder, 'notary.db') })),
    signer: key.signer,
    outputs: [heads],
    everyMs: 0,
  });
  const since = new Date(0).toISOString();
  const keys = publishedKeys([{ id: key.signer.key, publicKey: key.pem, since }]);
  const app = opened.use(
    createConsole({
      kernel: tocsin,
      store,
      tokens: tocsin.tokens,
      deliveries: tocsin.deliveries,
      audit: () => tocsin.audit(),
      types,
      notary: { head: () => heads.held.at(-1), keys: () => keys },
      forget: (user, { actor }) =>
        forgetUser(
          {
            ...{ store, vault, channels: tocsin.channels, tokens: tocsin.tokens },
            ...{ kernel: 'tocsin', actor },
          },
          user,
        ),
      health: () => ({
        ready: true,
        reasons: [],
        parts: [{ name: 'api', state: 'running', seconds: 1 }],
      }),
      parked: createParked({
        store,
        state: () => ({
          parked: () => {
            using state = openReadModelReader(join(folder, 'state.db'));
            return state.parked();
          },
        }),
      }),
    }),
  );
  const { url: origin, close } = await serveHttp(app, { port: 0 });
  opened.defer(close);
  const held = opened.move();
  return {
    tocsin,
    store,
    console: app,
    origin,
    url: `${origin}/console`,
    folder,
    parkedEvent: PARKED_EVENT,
    async sign() {
      await notary.once(new AbortController().signal);
      return key.pem;
    },
    async token(...scopes) {
      const made = await tocsin.tokens.create({ name: 'a test', scopes });
      if (made.outcome !== 'created') throw new Error(made.message);
      return made.token;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Users whose number ends in 2 have a receiver that refuses, with a hostile answer. */
function answerOf({ userId }: { readonly userId: string }) {
  const refused = { outcome: 'permanent', code: 'constructor', detail: HOSTILE } as const;
  return Promise.resolve(userId.endsWith('2') ? refused : undefined);
}

async function recordedLines(): Promise<object[]> {
  const path =
    recordedData === undefined
      ? 'test/data/small.ndjson'
      : join(recordedData, 'commit-triggers.ndjson');
  const inputs: object[] = [];
  await using file = await openFile(path);
  for await (const line of file.readLines()) {
    const mapped = fromRaiseLine(parseJson(line));
    if (mapped.ok) inputs.push(mapped.value);
    if (inputs.length === LINES) break;
  }
  return inputs;
}

/** An event as a program that is none of ours would write it. */
async function park(store: EventStore): Promise<void> {
  const stream = 'tocsin.trigger-00-00000000-0000-5000-8000-000000000000';
  const event = {
    id: PARKED_EVENT,
    type: 'NotificationRequested',
    data: { userId: HOSTILE, title: HOSTILE },
    metadata: { schemaVersion: 1 },
  };
  await store.append(stream, 'no_stream', [event]);
}

/** A browser for all tests of a file. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium(process.env);
  if (executablePath === undefined) {
    throw new Error('no Chromium: run the tests by npm test, which installs it');
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}

export type Visit = AsyncDisposable & {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly problems: string[];
};

/** A fresh browser profile, signed in by a one-time link; it collects console errors and failed requests. */
export async function visit(
  browser: Browser,
  { url, origin, console: app }: Pick<ConsoleWorld, 'url' | 'origin' | 'console'>,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`a request to ${request.url()}`);
  });
  await page.goto(`${origin}${app.oneTimePath()}`);
  return { context, page, problems, [Symbol.asyncDispose]: () => context.close() };
}
