// Everything in one process, on files alone: raise, project, deliver, audit, and go on after a restart.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTrigger, notify, openTocsin, type Tocsin } from '../../src/index.ts';
import { createDeliveries } from '../../src/http.ts';
import { openDeliveryIndexReader } from '../../src/sqlite.ts';
import { memoryStore } from '../../src/testing.ts';
import { until } from '../support/until.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  payload: z.object({ amount: z.number() }),
  policy: { kind: 'anchored', windowMs: 7 * 24 * 3_600_000, per: 'target' },
  channel: 'email',
  texts: { title: 'Invoice overdue' },
  link: ({ targetId }) => `/invoices/${encodeURIComponent(targetId)}`,
  evaluate: ({ payload }) => notify({ summary: `${payload.amount} EUR are overdue.` }),
});

let folder: string;
let sent: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-facade-'));
  sent = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const open = (): Promise<Tocsin> =>
  openTocsin({
    folder,
    triggers: [invoiceOverdue],
    frontendUrl: 'https://pay.example',
    channels: {
      email: {
        lookup: (userId) => ({ to: `${userId}@example.com` }),
        send: (message, { to }) => {
          sent.push(`${to}: ${message.text}`);
          return Promise.resolve(undefined);
        },
      },
    },
  });

const overdue = (tocsin: Tocsin, targetId: string, amount: number) =>
  tocsin.raise(invoiceOverdue, { userId: 'ada', targetId, payload: { amount } });

describe('openTocsin', () => {
  it('sends one notification per invoice, and explains what it did not send', async () => {
    await using tocsin = await open();
    const stop = new AbortController();
    const running = tocsin.run(stop.signal);
    await overdue(tocsin, 'A', 12);
    await overdue(tocsin, 'B', 7);
    await until('both are sent', () => sent.length === 2);
    expect(sent.toSorted()).toEqual([
      'ada@example.com: 12 EUR are overdue.\nhttps://pay.example/invoices/A',
      'ada@example.com: 7 EUR are overdue.\nhttps://pay.example/invoices/B',
    ]);
    await using audit = tocsin.audit();
    expect(await audit.verify()).toMatchObject({ published: 2, suppressed: 0, mismatches: [] });
    expect(await audit.replay()).toMatchObject({ triggers: 2, published: 2 });
    stop.abort();
    await running;
  });

  it('goes on after a restart, and sends nothing twice', async () => {
    {
      await using tocsin = await open();
      void tocsin.run(new AbortController().signal);
      await overdue(tocsin, 'A', 12);
      await until('it is sent', () => sent.length === 1);
      // Not delivered yet: the next process does it.
      await overdue(tocsin, 'B', 7);
    }
    await using tocsin = await open();
    void tocsin.run(new AbortController().signal);
    await overdue(tocsin, 'C', 1);
    await until('all are sent', () => new Set(sent).size === 3);
    expect(await overdue(tocsin, 'A', 12)).toMatchObject({ outcome: 'duplicate' });
    await using audit = tocsin.audit();
    await until('all are decided', () => tocsin.status().totals.published === 3);
    expect((await audit.verify()).mismatches).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  it('ends a run when it is closed', async () => {
    const tocsin = await open();
    const running = tocsin.run(new AbortController().signal);
    await tocsin.close();
    await running;
  });

  it('refuses a folder that another process owns, and opens it afterwards', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ kind: 'refused' });
    await first.close();
    await using _second = await open();
  });

  it('answers requests to the HTTP API, with tokens of its log', async () => {
    await using tocsin = await open();
    const wanted = {
      name: 'the web application',
      scopes: ['trigger:raise'],
      userId: 'ada',
    } as const;
    const created = await tocsin.tokens.create({ ...wanted, scopes: [...wanted.scopes] });
    if (created.outcome !== 'created') throw new Error(created.message);
    const { fetch } = tocsin;
    const ask = (token: string) =>
      fetch(
        new Request('http://pay.example/api/v1/active-schedule/trigger', {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            trigger_type: 'invoice_overdue',
            target_id: 'A',
            payload: { amount: 1 },
          }),
        }),
      );
    expect((await ask(created.token)).status).toBe(201);
    expect((await ask('nonsense')).status).toBe(401);
  });

  it('gives results that are JSON as they are', async () => {
    await using tocsin = await open();
    const stop = new AbortController();
    const running = tocsin.run(stop.signal);
    const raised = await overdue(tocsin, 'A', 12);
    if (raised.outcome !== 'raised') throw new Error(raised.outcome);
    const { triggerId, previewId = '' } = raised;
    await until('it is sent', () => sent.length === 1);
    const delivered = { status: 'delivered', limit: 1 } as const;
    const row = await until('it is in the list', () => tocsin.deliveries.list(delivered)[0]);
    const { policies, deliveries } = tocsin;
    const mute = { triggerType: '*', until: new Date(Date.now() + 60_000), reason: 'storm' };
    const results: Record<string, unknown> = {
      raised,
      duplicate: await overdue(tocsin, 'A', 12),
      rejected: await overdue(tocsin, 'B', Number.NaN),
      trigger: await tocsin.trigger(triggerId),
      preview: await tocsin.previews.get('ada', previewId),
      mute: await policies.mute(mute),
      muted: await overdue(tocsin, 'C', 1),
      policies: await policies.show(),
      history: await policies.history(),
      deliveries: deliveries.list({ limit: 10 }),
      delivery: await deliveries.get(row.notificationId, 'ada'),
      status: tocsin.status(),
      tokens: await tocsin.tokens.list(),
      cancel: await tocsin.cancel({ triggerId, reason: 'paid' }),
    };
    const muted = await overdue(tocsin, 'D', 1);
    if (muted.outcome !== 'raised') throw new Error(muted.outcome);
    results['release'] = await policies.release({ request: muted.triggerId, reason: 'true' });
    await until('all is decided', () => tocsin.status().totals.suppressed >= 2);
    {
      await using audit = tocsin.audit();
      results['explain'] = await audit.explain(triggerId);
      results['replay'] = await audit.replay();
      results['verify'] = await audit.verify();
    }
    stop.abort();
    await running;
    for (const [name, result] of Object.entries(results)) {
      expect(result, name).toBeDefined();
      expect(JSON.parse(JSON.stringify(result)), name).toEqual(result);
    }
  });

  it.runIf(existsSync('/proc/self/fd'))(
    'leaks no files by lists of deliveries and audits',
    async () => {
      await using tocsin = await open();
      const files = (): number => readdirSync('/proc/self/fd').length;
      const work = async (): Promise<void> => {
        tocsin.deliveries.list({ limit: 10 });
        await tocsin.deliveries.get('6072f595-6a17-5132-a9b1-daa475c1b68e', undefined);
        const file = join(folder, 'deliveries.db');
        const opened = new DisposableStack();
        const index = () => opened.use(openDeliveryIndexReader(file));
        const own = createDeliveries({ store: memoryStore(), index });
        const start = files();
        for (let n = 0; n < 50; n += 1) own.list({ limit: 10 });
        // A SQLite file in WAL mode has up to three files open.
        expect(files() - start).toBeLessThan(20);
        opened.dispose();
        await using audit = tocsin.audit();
        await audit.replay();
      };
      await work();
      const before = files();
      for (let n = 0; n < 5; n += 1) await work();
      expect(files()).toBeLessThanOrEqual(before + 2);
    },
  );
});
