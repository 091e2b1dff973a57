// inMemoryTocsin of `tocsin/testing`, as an embedder's test uses it.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTrigger, notify } from '../../src/index.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { inMemoryTocsin } from '../../src/testing.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  payload: z.object({ amount: z.number() }),
  policy: { kind: 'anchored', windowMs: 7 * 24 * 3_600_000, per: 'target' },
  expiresIn: '3d',
  channel: 'email',
  evaluate: ({ payload }) => notify({ summary: `${payload.amount} EUR are overdue.` }),
});

const input = (targetId: string) => ({ userId: 'ada', targetId, payload: { amount: 12 } });
const triggers = [invoiceOverdue];

describe('inMemoryTocsin', () => {
  it('delivers what is raised, once per window of virtual time', async () => {
    await using tocsin = await inMemoryTocsin({ triggers });
    await tocsin.raise(invoiceOverdue, input('INV-1'));
    expect(tocsin.sent).toEqual([]);
    await tocsin.settle();
    expect(tocsin.sent).toMatchObject([
      { channel: 'email', message: { userId: 'ada', summary: '12 EUR are overdue.' } },
    ]);
    await tocsin.advance(24 * 3_600_000);
    await tocsin.raise(invoiceOverdue, input('INV-1'));
    await tocsin.settle();
    expect(tocsin.sent).toHaveLength(1);
    await tocsin.advance(7 * 24 * 3_600_000);
    await tocsin.raise(invoiceOverdue, input('INV-1'));
    await tocsin.settle();
    expect(tocsin.sent).toHaveLength(2);
  });

  it('retries by the profile, and ends what is cancelled', async () => {
    const transient: SendOutcome = { outcome: 'transient', code: 'smtp_busy', detail: '' };
    await using tocsin = await inMemoryTocsin({
      triggers,
      answer: ({ message: { targetId, attempt } }) =>
        targetId === 'INV-2' || attempt === 1 ? transient : undefined,
    });
    await tocsin.raise(invoiceOverdue, input('INV-1'));
    await tocsin.raise(invoiceOverdue, input('INV-2'));
    await tocsin.settle();
    await tocsin.advance(60_000);
    const attempts = (id: string) =>
      tocsin.sent
        .filter(({ message }) => message.targetId === id)
        .map((one) => one.message.attempt);
    expect(attempts('INV-1')).toEqual([1, 2]);
    const about = { triggerType: 'invoice_overdue', targetId: 'INV-2', reason: 'paid' };
    expect(await tocsin.cancel(about)).toMatchObject({ triggers: [{ delivery: 'cancelled' }] });
    const before = attempts('INV-2').length;
    await tocsin.advance(3_600_000);
    expect(attempts('INV-2')).toHaveLength(before);
  });

  it('sends nothing to a user without the channel', async () => {
    await using tocsin = await inMemoryTocsin({ triggers, lookup: (userId) => userId !== 'ada' });
    await tocsin.raise(invoiceOverdue, input('INV-1'));
    await tocsin.raise(invoiceOverdue, { ...input('INV-1'), userId: 'bob' });
    await tocsin.settle();
    expect(tocsin.sent.map(({ message }) => message.userId)).toEqual(['bob']);
  });
});
