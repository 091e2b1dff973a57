// The console before anything has happened, while parts are missing, and where something is wrong: each state says what
// to do, in both languages, and stays accessible.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsole } from '../../src/adapters/http/console/app.ts';
import type { ConsoleOptions } from '../../src/adapters/http/console/options.ts';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { createDeliveries } from '../../src/kernel/deliveries.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { violations } from './page-checks.support.ts';
import { openBrowser, visit } from './console.support.ts';
import { memoryAudit } from '../support/memory-audit.ts';

const store = memoryStore();
const opened = new AsyncDisposableStack();
let kernel: Kernel;
let browser: Browser;

beforeAll(async () => {
  kernel = opened.use(await openKernel({ ...scheduleProduct, store }));
  browser = await openBrowser();
  opened.defer(() => browser.close());
});
afterAll(() => opened.disposeAsync());

async function served(options: Partial<ConsoleOptions>) {
  const app = opened.use(
    createConsole({
      ...{ kernel, store, tokens: createTokens({ store }) },
      deliveries: createDeliveries({ store, index: () => undefined }),
      audit: () => memoryAudit(store),
      ...options,
    }),
  );
  const { url: origin, close } = await serveHttp(app, { port: 0 });
  opened.defer(close);
  return { console: app, origin, url: `${origin}/console` };
}

const LOOKS = [
  { name: 'light', locale: 'en', colorScheme: 'light', viewport: { width: 1200, height: 800 } },
  {
    name: 'dark, Chinese, phone',
    locale: 'zh-CN',
    colorScheme: 'dark',
    viewport: { width: 360, height: 740 },
  },
] as const;

/** A status, and what the page says in English and in Chinese. */
type State = readonly [path: string, status: number, english: string, chinese: string];

const EMPTY: readonly State[] = [
  ['', 200, 'Since the beginning of the log', '自日志开始以来'],
  ['/notifications', 200, 'No request matches', '没有匹配的请求'],
  ['/users/1', 200, 'This user had no request', '此用户在这段时间内没有请求'],
  ['/policies', 200, 'No policy was ever set', '从未设置过策略'],
  ['/deliveries', 200, 'There is no list of deliveries yet', '还没有投递列表'],
  ['/parked', 200, 'No event is parked', '没有被搁置的事件'],
  ['/streams/tocsin.trigger-00-x', 200, 'No events here', '这里没有事件'],
  ['/story/nothing', 404, 'Check the id', '请检查编号'],
  ['/jobs/nothing', 404, 'This job is not known any more', '此任务已不存在'],
  ['/notifications?verdict=maybe', 400, 'This is none of the choices', '这不是可选的值'],
  ['/notifications?before=x', 400, 'This is no place in the list', '这不是列表中的位置'],
  [`/users/${'x'.repeat(400)}?from=yesterday`, 400, 'Use a date such as', '请使用日期'],
];

const WITHOUT_READ_MODEL: readonly State[] = [
  ['', 200, 'The projection has not made its read model yet', '投影尚未生成读模型'],
  ['/notifications', 503, 'Start a projector with the same --state', '请用相同的 --state 启动投影'],
  ['/story/nothing', 503, 'Start a projector', '启动投影'],
];

const AWAY: readonly State[] = [
  ['/notifications', 503, 'A part is not available', '某个部分不可用'],
  ['/streams', 503, 'A part is not available', '某个部分不可用'],
];

const failing = (kind: 'usage' | 'unavailable') => () => {
  throw new TocsinError(kind, 'away', 'away', { hint: 'x' });
};

describe('a console', () => {
  for (const { name, ...look } of LOOKS) {
    const check = async (options: Partial<ConsoleOptions>, states: readonly State[]) => {
      await using reader = await visit(browser, await served(options), look);
      const { page, problems } = reader;
      const { origin, pathname } = new URL(page.url());
      for (const [path, status, english, chinese] of states) {
        problems.length = 0;
        const response = await page.goto(`${origin}${pathname}${path}`);
        expect({ path, status: response?.status() }).toEqual({ path, status });
        const text = (await page.locator('main').textContent()) ?? '';
        expect(text).toContain(look.locale === 'en' ? english : chinese);
        expect({ path, found: await violations(page) }).toEqual({ path, found: [] });
        const width = await page.evaluate('document.documentElement.scrollWidth');
        expect({ path, width }).toEqual({ path, width: look.viewport.width });
        // The browser itself reports the status of an error.
        expect(problems.filter((problem) => !problem.includes(`${status}`))).toEqual([]);
      }
    };

    it(`without any event says what to do (${name})`, () => check({}, EMPTY));
    it(`without a read model says what to start (${name})`, () =>
      check({ audit: failing('usage') }, WITHOUT_READ_MODEL));
    it(`whose store is away says so (${name})`, () =>
      check(
        {
          audit: failing('unavailable'),
          store: { readAll: failing('unavailable'), readStream: failing('unavailable') },
        },
        AWAY,
      ));
  }

  it('shows a job that failed, with its reason', async () => {
    await using reader = await visit(browser, await served({ audit: failing('unavailable') }));
    const { page } = reader;
    await page.goto(`${page.url()}/audit`);
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('alert').filter({ hasText: 'away' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });
});
