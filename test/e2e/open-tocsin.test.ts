// Everything in one process, on files alone: raise, project, deliver, audit, and go on after a restart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTrigger, notify, openTocsin, type Tocsin } from '../../src/index.ts';
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
});
