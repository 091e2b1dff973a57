// Trigger types of an embedder's own product: what a definition says reaches the raise, the log and the messages.
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import type { PayloadSchema } from '../../src/domain/trigger/payload.ts';
import { defineTrigger, notify, openKernel } from '../../src/index.ts';
import { eventsOf, makeWorld, type World } from '../support/world.ts';

const invoiceOverdue = defineTrigger({
  type: 'invoice_overdue',
  targets: ['invoice'],
  payload: z.object({ amount: z.number(), due: z.iso.date().optional() }),
  channel: 'email',
  expiresIn: '3d',
  texts: { title: 'Invoice overdue' },
  link: ({ targetId }) => `/invoices/${encodeURIComponent(targetId)}`,
  evaluate: ({ payload }) => notify({ summary: `${payload.amount} EUR are overdue.` }),
});

const paid = defineTrigger({ type: 'invoice_paid', targets: ['invoice'], channel: 'email' });

/** A kernel of a billing product: nothing of the schedule product is in its options. */
function billing(more: Parameters<typeof makeWorld>[0] = {}): Promise<World> {
  const kernel = { triggers: [invoiceOverdue, paid], channels: ['email', 'sms'], texts: {} };
  return makeWorld({ ...more, kernel: { ...kernel, ...more.kernel } });
}

const raiseOverdue = ({ kernel }: World, more: object = {}) =>
  kernel.raise(invoiceOverdue, {
    userId: 'auth0|5f7c',
    targetId: 'urn:invoice:1',
    payload: { amount: 12 },
    ...more,
  });

const last = async ({ store }: World) => (await eventsOf(store)).at(-1)?.data;

describe('a raise of an embedder’s trigger type', () => {
  it('needs user, target and payload only, and takes the rest from the definition', async () => {
    const world = await billing();
    expect(await raiseOverdue(world)).toMatchObject({ outcome: 'raised' });
    const raised = (await eventsOf(world.store)).find(({ type }) => type === 'TriggerRaised');
    expect(raised?.data).toMatchObject({
      userId: 'auth0|5f7c',
      source: 'api_trigger',
      targetType: 'invoice',
      targetId: 'urn:invoice:1',
    });
    expect(raised?.data).not.toHaveProperty('contract');
    expect(await last(world)).toMatchObject({
      channel: 'email',
      targetUrl: '/invoices/urn%3Ainvoice%3A1',
      expiresAt: '2026-01-04T10:00:00.000Z',
      personal: {
        summary: '12 EUR are overdue.',
        fallbackText: '12 EUR are overdue. /invoices/urn%3Ainvoice%3A1',
      },
    });
  });

  it('sends trigger.raised and the notification of its channel, with ids that are encoded', async () => {
    const world = await billing();
    await raiseOverdue(world, { userId: 'a*b>c.d%' });
    await world.project();
    expect(world.output.messages.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/^trigger\.raised\.[0-9a-f]{2}\.a%2Ab%3Ec%2Ed%25$/),
      expect.stringMatching(/^notification\.email\.requested\.[0-9a-f]{2}\.a%2Ab%3Ec%2Ed%25$/),
    ]);
  });

  it('names the path of each fault of the payload, in the schema’s words', async () => {
    const world = await billing();
    const result = await world.kernel.raise({
      userId: 1,
      triggerType: 'invoice_overdue',
      targetId: 'x',
      payload: { amount: 'twelve', due: 'soon' },
    });
    expect(result).toMatchObject({
      code: 'payload_invalid',
      issues: [{ field: 'payload.amount' }, { field: 'payload.due' }],
    });
  });

  it('takes a schema of another library, also one that answers later', async () => {
    const even: PayloadSchema<number, { readonly half: number }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          await Promise.resolve();
          return Number(value) % 2 === 0
            ? { value: { half: Number(value) / 2 } }
            : { issues: [{ message: 'is odd', path: [{ key: 'a' }, 'b'] }] };
        },
      },
    };
    const type = defineTrigger({
      type: 'even',
      targets: ['t'],
      channel: 'email',
      payload: even,
      evaluate: ({ payload }) => notify({ summary: `half is ${payload.half}` }),
    });
    const world = await billing({ kernel: { triggers: [type] } });
    await world.kernel.raise(type, { userId: 1, targetId: 1, payload: 4 });
    expect(await last(world)).toMatchObject({ personal: { summary: 'half is 2' } });
    expect(await world.kernel.raise(type, { userId: 1, targetId: 2, payload: 3 })).toMatchObject({
      issues: [{ field: 'payload.a.b', message: 'is odd' }],
    });
  });

  it('refuses a payload with a number that lost digits, by its path', async () => {
    const world = await billing();
    const payload = { lines: [{ id: Number.MAX_SAFE_INTEGER + 2 }] };
    expect(await world.kernel.raise(paid, { userId: 1, targetId: 1, payload })).toMatchObject({
      code: 'payload_invalid',
      issues: [{ field: 'payload.lines.0.id' }],
    });
    const safe = { lines: [{ id: Number.MAX_SAFE_INTEGER, share: 0.1 }] };
    const result = await world.kernel.raise(paid, { userId: 1, targetId: 1, payload: safe });
    expect(result).toMatchObject({ outcome: 'raised' });
  });

  it('refuses sources and target types that its definition does not list', async () => {
    const listed = defineTrigger({ type: 'listed', sources: ['a', 'b'], targets: ['x', 'y'] });
    const world = await billing({ kernel: { triggers: [listed] } });
    const about = { userId: 1, triggerType: 'listed', targetId: 1 };
    expect(await world.kernel.raise(about)).toMatchObject({
      message: 'source is required; targetType is required',
    });
    expect(await world.kernel.raise({ ...about, source: 'c', targetType: 'z' })).toMatchObject({
      code: 'invalid_field',
      message: 'source must be one of a, b, api_dry_run; targetType must be one of x, y',
    });
  });
});

describe('the dedupe scope of a definition', () => {
  it('by scopeKey takes the key of the raise, which it requires', async () => {
    const stage = defineTrigger({
      type: 'stage',
      scope: 'scopeKey',
      windowMs: null,
      channel: 'sms',
    });
    const world = await billing({ kernel: { triggers: [stage] } });
    const about = { userId: 1, targetType: 'deal', targetId: 1 };
    expect(await world.kernel.raise(stage, about)).toMatchObject({
      code: 'invalid_field',
      issues: [{ field: 'scopeKey' }],
    });
    expect(await world.kernel.raise(stage, { ...about, scopeKey: 'won' })).toMatchObject({
      outcome: 'raised',
    });
    world.clock.advance(400 * 24 * 3_600_000);
    const again = { ...about, targetId: 2, scopeKey: 'won' };
    expect(await world.kernel.raise(stage, again)).toMatchObject({ outcome: 'duplicate' });
    expect(await world.kernel.raise(stage, { ...about, scopeKey: 'lost' })).toMatchObject({
      outcome: 'raised',
    });
  });

  it('keeps targets apart whose ids look alike', async () => {
    const world = await billing();
    const results = ['a:b', 'a%3Ab', 'a', 'A'].map((targetId) => raiseOverdue(world, { targetId }));
    const ids = (await Promise.all(results)).map((result) =>
      result.outcome === 'raised' ? result.triggerId : '',
    );
    expect(new Set(ids).size).toBe(4);
  });
});

describe('the channel of a notification', () => {
  const plain = defineTrigger({ type: 'plain', targets: ['t'] });
  const about = { userId: 1, targetId: 1 };

  test.each([
    ['the raise', { channel: 'sms' }, 'sms'],
    ['the definition', {}, 'email'],
  ])('is that of %s', async (_name, more, channel) => {
    const world = await billing();
    await raiseOverdue(world, more);
    expect(await last(world)).toMatchObject({ channel });
  });

  it('is that of the evaluation before that of the definition', async () => {
    const loud = defineTrigger({
      type: 'loud',
      targets: ['t'],
      channel: 'email',
      evaluate: () => notify({ channel: 'sms' }),
    });
    const world = await billing({ kernel: { triggers: [loud] } });
    await world.kernel.raise(loud, about);
    expect(await last(world)).toMatchObject({ channel: 'sms' });
  });

  it('is the kernel’s where nothing else names one', async () => {
    const world = await billing({ kernel: { triggers: [plain], channel: 'email' } });
    await world.kernel.raise(plain, about);
    expect(await last(world)).toMatchObject({ channel: 'email' });
  });

  test.each([
    ['named by nobody', {}],
    ['that has no sender', { channel: 'fax' }],
  ])('is refused at the raise when it is %s', async (_name, more) => {
    const world = await billing({ kernel: { triggers: [plain] } });
    const before = (await eventsOf(world.store)).length;
    expect(await world.kernel.raise(plain, { ...about, ...more })).toMatchObject({
      outcome: 'rejected',
      code: 'unknown_channel',
    });
    expect(await eventsOf(world.store)).toHaveLength(before);
  });
});

describe('the life of a notification', () => {
  it('is that of the offer before that of the definition, and a day otherwise', async () => {
    const short = defineTrigger({
      type: 'short',
      targets: ['t'],
      channel: 'email',
      expiresIn: '2h',
      evaluate: ({ targetId }) => notify(targetId === '1' ? { expiresIn: '5m' } : {}),
    });
    const world = await billing({ kernel: { triggers: [short, paid] } });
    const ends: unknown[] = [];
    for (const [type, targetId] of [
      [short, 1],
      [short, 2],
      [paid, 1],
    ] as const) {
      await world.kernel.raise(type, { userId: 1, targetId });
      ends.push(await last(world));
    }
    expect(ends).toMatchObject([
      { expiresAt: '2026-01-01T10:05:00.000Z' },
      { expiresAt: '2026-01-01T12:00:00.000Z' },
      { expiresAt: '2026-01-02T10:00:00.000Z' },
    ]);
  });

  it('is refused out of range, and nothing is written', async () => {
    const wrong = defineTrigger({
      type: 'wrong',
      targets: ['t'],
      channel: 'email',
      evaluate: () => notify({ expiresIn: '31d' }),
    });
    const world = await billing({ kernel: { triggers: [wrong] } });
    const before = (await eventsOf(world.store)).length;
    const raise = world.kernel.raise(wrong, { userId: 1, targetId: 1 });
    await expect(raise).rejects.toMatchObject({ code: 'invalid_evaluation' });
    expect(await eventsOf(world.store)).toHaveLength(before);
  });
});

describe('the link of a definition', () => {
  it('is left out of the request where there is none', async () => {
    const world = await billing();
    await world.kernel.raise(paid, { userId: 1, targetId: 1 });
    expect(await last(world)).not.toHaveProperty('targetUrl');
  });

  it('that is no site-relative path is an error that says to encode ids', async () => {
    const bad = defineTrigger({
      type: 'bad',
      targets: ['t'],
      channel: 'email',
      link: ({ targetId }) => `/t/${targetId}`,
    });
    const world = await billing({ kernel: { triggers: [bad] } });
    const raise = world.kernel.raise(bad, { userId: 1, targetId: 'urn:x' });
    await expect(raise).rejects.toMatchObject({
      code: 'invalid_link',
      hint: expect.stringContaining('encodeURIComponent') as string,
    });
  });
});

describe('the policy of a definition', () => {
  const weekly = defineTrigger({
    type: 'weekly',
    targets: ['t'],
    channel: 'email',
    policy: { kind: 'anchored', windowMs: 7 * 24 * 3_600_000 },
  });
  const reopen = ({ store, clock }: World) =>
    openKernel({ store, clock, triggers: [weekly], channels: ['email'] });

  it('is set once in the log, with its reason', async () => {
    const world = await billing({ kernel: { triggers: [weekly] } });
    await using again = await reopen(world);
    expect(await again.policies.history()).toMatchObject([
      {
        type: 'NotificationPolicySet',
        actor: 'trigger_definition',
        data: { triggerType: 'weekly' },
      },
    ]);
  });

  it('leaves the policy that an operator set', async () => {
    const world = await billing({ kernel: { triggers: [weekly] } });
    const policy = { kind: 'tumbling', windowMs: 60_000 } as const;
    await world.kernel.policies.set({ triggerType: 'weekly', policy, reason: 'less' });
    await using again = await reopen(world);
    const { policies } = await again.policies.show();
    expect(policies['weekly']).toMatchObject(policy);
    expect(await again.policies.history()).toHaveLength(2);
  });

  it('and a mute are refused for a type that nobody defined', async () => {
    const { kernel } = await billing();
    const policy = { kind: 'tumbling', windowMs: 60_000 } as const;
    const about = { triggerType: 'invoice_overdeu', reason: 'a typing error' };
    const until = new Date('2026-01-01T11:00:00Z');
    for (const result of [
      await kernel.policies.set({ ...about, policy }),
      await kernel.policies.mute({ ...about, until }),
    ]) {
      expect(result).toMatchObject({ outcome: 'rejected', code: 'unknown_trigger_type' });
    }
    expect(await kernel.policies.history()).toEqual([]);
  });
});

describe('defineTrigger', () => {
  test.each([
    ['sources', { sources: ['Billing'] }],
    ['targets', { targets: [] }],
    ['channel', { channel: 'E-Mail' }],
    ['expiresIn', { expiresIn: '31d' }],
    ['expiresIn', { expiresIn: 'soon' }],
    ['policy.windowMs', { policy: { kind: 'anchored', windowMs: 0 } as const }],
  ])('names the field %s that is wrong', (field, more) => {
    expect(() => defineTrigger({ type: 'x', ...more })).toThrow(new RegExp(`"x": .*${field}`));
  });
});
