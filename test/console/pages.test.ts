// The console in a real browser, on a recorded run: each page is whole, accessible, and free of foreign markup.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { verifyProof } from '../../src/projections/audit/proof/verify-proof.ts';
import { until } from '../support/until.ts';
import { focused, mark, openAll, violations } from './page-checks.support.ts';
import {
  HOSTILE,
  HOSTILE_USER,
  openBrowser,
  openWorld,
  visit,
  type ConsoleWorld,
  type Visit,
} from './console.support.ts';

let world: ConsoleWorld;
let browser: Browser;
let desktop: Visit;
let phone: Visit;
/** Of a published request whose window suppressed others, of a suppressed one, and of a hostile one. */
let stories: Record<'holder' | 'suppressed' | 'hostile', string>;
const shots = mkdtempSync(join(tmpdir(), 'tocsin-console-shots-'));

beforeAll(async () => {
  [world, browser] = await Promise.all([openWorld(), openBrowser()]);
  desktop = await visit(browser, world, { viewport: { width: 1200, height: 800 } });
  phone = await visit(browser, world, {
    viewport: { width: 360, height: 740 },
    colorScheme: 'dark',
    locale: 'zh-CN',
  });
  await using audit = world.tocsin.audit();
  const { requests } = await audit.requests({
    verdict: 'suppressed',
    reason: 'within_window',
    limit: 1,
  });
  const suppressed = requests[0]?.triggerId ?? '';
  const holder = (await audit.explain(suppressed)).decision?.notice?.triggerId ?? '';
  const hostile =
    (await audit.requests({ user: HOSTILE_USER, limit: 1 })).requests[0]?.triggerId ?? '';
  stories = { holder, suppressed, hostile };
  process.stdout.write(`screenshots: ${shots}\n`);
});
afterAll(async () => {
  for (const each of [desktop, phone]) await each[Symbol.asyncDispose]();
  await browser.close();
  await world[Symbol.asyncDispose]();
});

const PAGES = {
  now: () => '',
  notifications: () => '/notifications',
  'notifications without a match': () => '/notifications?user=nobody',
  story: () => `/story/${stories.holder}`,
  'story of a suppressed request': () => `/story/${stories.suppressed}?at=2012-09-18T00:00:00Z`,
  'hostile story': () => `/story/${stories.hostile}`,
  user: () => '/users/1?span=month&from=2012-09-10T00:00:00.000Z',
  'hostile user': () => `/users/${encodeURIComponent(HOSTILE_USER)}`,
  policies: () => '/policies',
  deliveries: () => '/deliveries',
  'dead deliveries': () => '/deliveries?status=dead&try=1',
  'hostile filter': () => `/deliveries?reason=${encodeURIComponent(HOSTILE)}`,
  parked: () => '/parked',
  'parked event': () => `/parked/${world.parkedEvent}`,
  streams: () => '/streams',
  'hostile stream': () => `/streams/${encodeURIComponent(`tocsin.${HOSTILE}`)}`,
  audit: () => '/audit',
  'forgetting a user': () => '/users/1/forget',
  'a wrong filter': () => `/notifications?from=${encodeURIComponent(HOSTILE)}`,
  'a missing page': () => `/story/${encodeURIComponent(HOSTILE)}`,
} as const;

/** Of pages that say that something is wrong. */
const STATUSES: Readonly<Record<string, number>> = { 'a missing page': 404, 'a wrong filter': 400 };

const wasHacked = (page: Page) => page.evaluate(() => 'wasHacked' in globalThis);

describe('each page of the console', () => {
  for (const [name, path] of Object.entries(PAGES)) {
    it(`shows ${name} without a fault of accessibility, a console error or foreign markup`, async () => {
      const { page, problems } = desktop;
      problems.length = 0;
      const response = await page.goto(`${world.url}${path()}`);
      const status = STATUSES[name] ?? 200;
      expect(response?.status()).toBe(status);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await violations(page)).toEqual([]);
      expect(await wasHacked(page)).toBe(false);
      expect(await page.locator('main img, main script').count()).toBe(0);
      // The browser itself reports the status of an error.
      const isOwn = (problem: string) => status === 200 || !problem.includes(String(status));
      expect(problems.filter(isOwn)).toEqual([]);
      await page.screenshot({ path: join(shots, `${name.replaceAll(' ', '-')}.png`) });
    });

    it(`shows ${name} in the dark, on a phone and in Chinese without a fault`, async () => {
      const { page, problems } = phone;
      problems.length = 0;
      await page.goto(`${world.url}${path()}`);
      expect(await page.getAttribute('html', 'lang')).toBe('zh-CN');
      await openAll(page);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      expect(await violations(page)).toEqual([]);
      expect(problems.filter((problem) => !problem.includes(`${STATUSES[name]}`))).toEqual([]);
      await page.screenshot({ path: join(shots, `phone-${name.replaceAll(' ', '-')}.png`) });
    });

    it(`lets the keyboard reach everything on ${name} that a mouse can, visibly`, async () => {
      const { page } = desktop;
      await page.goto(`${world.url}${path()}`);
      await openAll(page);
      const wanted = await page.evaluate<number>(`(${mark})()`);
      const reached = new Set<string>();
      for (let press = 0; press < wanted + 2; press += 1) {
        await page.keyboard.press('Tab');
        const [at, outline] = await page.evaluate<readonly [string, string]>(`(${focused})()`);
        if (at === '') break;
        reached.add(at);
        expect({ at, outline }).not.toMatchObject({ outline: 'none' });
      }
      expect(reached.size).toBe(wanted);
    });
  }
});

describe('a page', () => {
  it('is reached with the keyboard alone: list, story, mark of the window', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/notifications?verdict=suppressed`);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('Enter');
    await until('a link of the list has the focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate<boolean>(`document.activeElement.matches('td a')`);
    });
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/story\//);
    await until('a mark of the window has the focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate<boolean>(`document.activeElement.matches('a.mark')`);
    });
  });

  it('changes its language by a link, and keeps its address', async () => {
    await using reader = await visit(browser, world);
    await reader.page.goto(`${world.url}/policies`);
    await reader.page.getByRole('link', { name: '中文' }).click();
    expect(await reader.page.locator('h1').textContent()).toBe('策略');
    expect(reader.page.url()).toBe(`${world.url}/policies`);
  });
});

describe('the numbers of the console', () => {
  it('equal those of SQL, of a replay and of explain', async () => {
    const { page } = desktop;
    using state = new DatabaseSync(join(world.folder, 'state.db'), { readOnly: true });
    const one = (sql: string): number => Number(state.prepare(sql).get()?.['n']);
    await using audit = world.tocsin.audit();
    const replayed = await audit.replay();
    await page.goto(world.url);
    for (const verdict of ['published', 'suppressed'] as const) {
      const count = one(`SELECT count(*) AS n FROM verdicts WHERE verdict = '${verdict}'`);
      expect(replayed[verdict]).toBe(count);
      const link = page.locator(`main a[href$="/notifications?verdict=${verdict}"]`);
      expect(await link.textContent()).toBe(String(count));
    }
    const reasons = z
      .array(z.object({ reason: z.string(), requests: z.int() }))
      .parse(
        state.prepare("SELECT reason, requests FROM reasons WHERE verdict <> 'published'").all(),
      );
    for (const { reason, requests } of reasons) {
      const row = page.locator('tr', { has: page.locator(`a[href$="?reason=${reason}"]`) });
      expect(await row.locator('.number').textContent()).toBe(String(requests));
    }
    const dead = world.tocsin.deliveries.groups({ status: 'dead' });
    const deadCount = dead.reduce((sum, { count }) => sum + count, 0);
    const deadLink = page.locator('main a[href$="/deliveries?status=dead"]');
    expect(await deadLink.textContent()).toBe(String(deadCount));
    const explained = await audit.explain(stories.suppressed);
    await page.goto(`${world.url}/story/${stories.suppressed}`);
    expect((await page.locator('#sentence').textContent())?.trim()).toBe(explained.sentence);
    expect(await page.locator('.facts .badge').first().textContent()).toBe(
      explained.decision?.verdict,
    );
    expect(await page.locator('.timeline li').count()).toBe(explained.story.length);
    const download = await page.request.get(`${world.url}/story/${stories.suppressed}/story.json`);
    expect(await download.json()).toEqual(explained);
  });

  it('are the same in the list, page by page, as in SQL', async () => {
    const { page } = desktop;
    using state = new DatabaseSync(join(world.folder, 'state.db'), { readOnly: true });
    const wanted = Number(
      state.prepare("SELECT count(*) AS n FROM verdicts WHERE user = '1'").get()?.['n'],
    );
    let shown = 0;
    await page.goto(`${world.url}/notifications?user=1`);
    for (;;) {
      shown += await page.locator('tbody tr').count();
      const next = page.locator('a[rel=next]');
      if ((await next.count()) === 0) break;
      await next.click();
      await page.waitForLoadState();
    }
    expect(shown).toBe(wanted);
  });
});

describe('an action of the console', () => {
  it('sets a policy after a try of it on the real history, with the reason in the log', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/policies`);
    const form = page.locator('form[action$="/policies/try"]');
    await form.locator('[name=policy]').fill('none');
    await form.getByRole('button').click();
    await page.getByText('First request that is decided differently').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator('form[action$="/policies/set"] [name=reason]').fill(HOSTILE);
    await page.locator('form[action$="/policies/set"]').getByRole('button').click();
    await page.getByRole('status').filter({ hasText: 'applies to requests from now on' }).waitFor();
    expect((await world.tocsin.policies.history()).at(-1)).toMatchObject({
      reason: HOSTILE,
      data: { triggerType: '*', policy: { kind: 'none' } },
    });
    await page.goto(`${world.url}/policies`);
    expect(await page.getByText(HOSTILE).count()).toBeGreaterThan(0);
    expect(await wasHacked(page)).toBe(false);
  });

  it('says why a policy is refused', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/policies`);
    const form = page.locator('form[action$="/policies/set"]');
    await form.locator('[name=policy]').fill('weekly <b>');
    await form.locator('[name=reason]').fill('a test');
    await form.getByRole('button').click();
    await page.getByRole('status').filter({ hasText: 'is no kind of policy' }).waitFor();
  });

  it('mutes a type and ends the mute', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/policies`);
    for (const action of ['mute', 'unmute'] as const) {
      const form = page.locator(`form[action$="/policies/${action}"]`);
      await form.locator('[name=type]').selectOption('important_urgent_task');
      await form.locator('[name=reason]').fill('a test');
      await form.getByRole('button').click();
      await page.getByRole('status').waitFor();
      const { mutes } = await world.tocsin.policies.show();
      expect('important_urgent_task' in mutes).toBe(action === 'mute');
    }
  });

  it('redrives one dead delivery from its story, and counts before it redrives many', async () => {
    const { page } = desktop;
    const [dead] = world.tocsin.deliveries.list({ status: 'dead', limit: 1 });
    await page.goto(`${world.url}/story/${dead?.notificationId}`);
    await page.locator('form[action$="/redrive"] [name=reason]').fill('the receiver is back');
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByRole('status').filter({ hasText: 'will be sent again' }).waitFor();
    await page.goto(`${world.url}/deliveries?status=dead`);
    await page.getByRole('button', { name: 'Count' }).click();
    await page.getByText(/would be sent again/).waitFor();
    await page.locator('[name=why]').fill('all again');
    await page.getByRole('button', { name: 'Send all' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: /\d+ notifications will be sent again/ })
      .waitFor();
  });

  it('verifies with its result, and replays to the digest of the audit', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/audit`);
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('No differences.').waitFor();
    await page.goto(`${world.url}/audit`);
    await page.getByRole('button', { name: 'Replay' }).click();
    await using audit = world.tocsin.audit();
    const { dedupeKeysSha256 } = await audit.replay();
    await page.getByText(dedupeKeysSha256).waitFor();
  });

  it('downloads an export that verifies and has no personal part', async () => {
    const text = await (await desktop.page.request.get(`${world.url}/audit/export.ndjson`)).text();
    await using audit = world.tocsin.audit();
    const lines = text.trimEnd().split('\n');
    const report = await audit.verifyExport(Readable.from(lines));
    expect(report).toMatchObject({ faults: [] });
    expect(lines.filter((line) => line.includes('fallbackText'))).toEqual([]);
  });

  it('makes a proof where a head covers the story, and says what is missing where not', async () => {
    const { page } = desktop;
    const raised = await world.tocsin.raise({
      ...{ userId: 4711, triggerType: 'important_urgent_task', source: 'api_trigger' },
      ...{ targetType: 'task_pool', targetId: 1 },
    });
    const triggerId = 'triggerId' in raised ? raised.triggerId : '';
    await until('the projection has decided it', async () => {
      await using audit = world.tocsin.audit();
      return (await audit.explain(triggerId)).decision !== null;
    });
    const story = `${world.url}/story/${triggerId}`;
    await page.goto(story);
    await page.getByText(/There is no signed head yet|The head is older than this story/).waitFor();
    expect(await page.getByRole('button', { name: 'Make the proof' }).count()).toBe(0);
    const pem = await world.sign();
    await page.goto(story);
    await page.getByRole('button', { name: 'Make the proof' }).click();
    const link = page.getByRole('link', { name: 'Download the proof' });
    await link.waitFor();
    expect(await violations(page)).toEqual([]);
    const file = await page.request.get(
      new URL(String(await link.getAttribute('href')), story).href,
    );
    expect(file.headers()['content-disposition']).toContain('proof.json');
    const report = verifyProof(await file.text(), pem);
    expect(report).toMatchObject({ about: triggerId, faults: [] });
    expect(report.events.map(({ type }) => type)).toContain('NotificationRequested');
    expect(report.events.every(({ personal }) => personal === undefined)).toBe(true);
  });

  it('forgets a user after the id was typed, and says what stays readable', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/users/1`);
    await page.getByRole('link', { name: 'Forget this user' }).click();
    await page.locator('[name=confirm]').fill('2');
    await page.getByRole('button', { name: 'Forget this user for ever' }).click();
    await page.getByRole('status').filter({ hasText: 'Nothing was done' }).waitFor();
    await page.locator('[name=confirm]').fill('1');
    await page.getByRole('button', { name: 'Forget this user for ever' }).click();
    // This log was written unsealed.
    await page.getByText('Some personal data can still be read').waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('drops a parked event, with the decision in the log', async () => {
    const { page } = desktop;
    await page.goto(`${world.url}/parked/${world.parkedEvent}`);
    await page.locator('[name=reason]').fill('not ours');
    await page.getByRole('button', { name: 'Drop' }).click();
    await until('the projection has dropped it', async () => {
      await using audit = world.tocsin.audit();
      return audit.totals().parkedNow === 0;
    });
    await page.goto(`${world.url}/parked`);
    await page.getByText('No event is parked').waitFor();
  });

  it('copies the sentence that explain gives', async () => {
    await using reader = await visit(browser, world, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await using audit = world.tocsin.audit();
    const { sentence } = await audit.explain(stories.suppressed);
    await reader.page.goto(`${world.url}/story/${stories.suppressed}`);
    await reader.page.getByRole('button', { name: 'Copy the sentence' }).click();
    await reader.page.getByText('Copied.').waitFor();
    expect(await reader.page.evaluate('navigator.clipboard.readText()')).toBe(sentence);
  });

  it('shows a new request in the live feed, and holds it back while paused', async () => {
    await using reader = await visit(browser, world);
    const { page } = reader;
    await page.goto(world.url);
    const raise = (n: number) =>
      world.tocsin.raise({
        ...{ userId: 77, triggerType: 'important_urgent_task', source: 'api_trigger' },
        ...{ targetType: 'task_pool', targetId: n },
      });
    let n = 900;
    const lines = page.locator('[data-feed] li');
    // The first look of the feed only finds where the list ends.
    await until('the feed shows a request', async () => {
      await raise((n += 1));
      return (await lines.count()) > 0;
    });
    expect(await lines.first().textContent()).toContain('77');
    await page.getByRole('button', { name: 'Pause' }).click();
    const shown = await lines.count();
    await raise(999);
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    expect(await lines.count()).toBe(shown);
    await page.getByRole('button', { name: 'Go on' }).click();
    await until('the held line is shown', async () => (await lines.count()) > shown);
  });
});
