// Channels through the kernel: events, vault and test messages.
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { memoryVault } from '../support/vault.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { eventsOf } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const KEY = { userId: '42', channel: 'feishu' } as const;
const CANARY = 'canaryabcdefghijklmnop';
const URL_A = `https://www.feishu.cn/flow/api/trigger-webhook/${CANARY}`;
const URL_B = 'https://www.feishu.cn/flow/api/trigger-webhook/another0123456789';

/** How many channels have secrets in the vault. */
function secretsIn(vault: ReturnType<typeof memoryVault>): number {
  return [...vault.secrets.keys()].filter((name) => name.startsWith('channel/')).length;
}

async function world() {
  const store = memoryStore();
  const vault = memoryVault();
  const time = virtualTime();
  const sent: unknown[] = [];
  const answers: SendOutcome[] = [];
  const throwing: Error[] = [];
  const kernel = await openKernel({
    ...scheduleProduct,
    store,
    vault,
    clock: time,
    send: (message, target) => {
      sent.push([message, target]);
      const thrown = throwing.shift();
      if (thrown !== undefined) return Promise.reject(thrown);
      return Promise.resolve(answers.shift() ?? { outcome: 'accepted', code: '0' });
    },
  });
  return { store, vault, time, sent, answers, throwing, channels: kernel.channels };
}

describe('channels.put', () => {
  it('acceptance 33: configures and enables a channel, with all but 4 + 4 characters of its key masked', async () => {
    const { channels } = await world();
    expect(await channels.put({ ...KEY, url: URL_A })).toMatchObject({
      outcome: 'changed',
      channel: {
        configured: true,
        enabled: true,
        kind: 'feishu_flow',
        version: 1,
        urlMask: 'https://www.feishu.cn/flow/api/trigger-webhook/cana...mnop',
        hasBearerToken: false,
      },
    });
    expect(await channels.list('42')).toHaveLength(1);
    expect(await channels.get({ userId: '43', channel: 'feishu' })).toMatchObject({
      configured: false,
    });
  });

  it('appends nothing for the same configuration, and shreds replaced secrets', async () => {
    const { channels, vault, store } = await world();
    await channels.put({ ...KEY, url: URL_A });
    expect(await channels.put({ ...KEY, url: URL_A })).toMatchObject({ outcome: 'unchanged' });
    await channels.put({ ...KEY, url: URL_B, bearerToken: 'token-token' });
    expect([...vault.secrets.values()].join()).not.toContain(CANARY);
    expect(secretsIn(vault)).toBe(1);
    expect(JSON.stringify(await eventsOf(store), bigintText)).not.toMatch(/canaryabcd|token-token/);
    expect(await channels.lookup('42', 'feishu')).toMatchObject({
      kind: 'open',
      target: { url: URL_B, bearerToken: 'token-token', version: 2 },
    });
  });

  it('returns a generated signing secret once, and keeps it for the next address', async () => {
    const { channels } = await world();
    const key = { userId: '42', channel: 'webhook' } as const;
    const first = await channels.put({ ...key, url: 'https://a.example/x' });
    const secret = 'generatedSecret' in first ? first.generatedSecret : undefined;
    expect(secret).toMatch(/^whsec_/);
    const second = await channels.put({ ...key, url: 'https://b.example/x' });
    expect(second).toMatchObject({ outcome: 'changed', generatedSecret: undefined });
    expect(await channels.lookup('42', 'webhook')).toMatchObject({ target: { secret } });
  });

  it('leaves nothing in the vault when the command is refused', async () => {
    const { channels, vault } = await world();
    expect(await channels.put({ ...KEY, url: 'http://x' })).toMatchObject({ code: 'invalid_url' });
    expect(secretsIn(vault)).toBe(0);
  });

  it('keeps only the secrets of the later of two concurrent configurations', async () => {
    const { channels, vault } = await world();
    await Promise.all([URL_A, URL_B].map((url) => channels.put({ ...KEY, url })));
    expect(secretsIn(vault)).toBe(1);
    expect((await channels.lookup('42', 'feishu')).kind).toBe('open');
  });
});

describe('channels after a crash between vault and log', () => {
  const cutOff = async () => {
    const there = await world();
    const { store, channels, vault } = there;
    await channels.put({ userId: '42', channel: 'webhook', url: 'https://a.example/x' });
    const append = store.append.bind(store);
    const dead = new TocsinError('unavailable', 'store_away', 'gone', { hint: 'Try again.' });
    store.append = () => Promise.reject(dead);
    await expect(channels.put({ ...KEY, url: URL_A })).rejects.toBe(dead);
    store.append = append;
    expect([...vault.secrets.values()].join()).toContain(CANARY);
    return there;
  };

  it('shred the orphaned secret at the next put, and keep the used secret', async () => {
    const { channels, vault, time } = await cutOff();
    time.advance(3_600_000);
    await channels.put({ ...KEY, url: URL_B });
    expect([...vault.secrets.values()].join()).not.toContain(CANARY);
    expect(secretsIn(vault)).toBe(2);
    expect((await channels.lookup('42', 'feishu')).kind).toBe('open');
    expect((await channels.lookup('42', 'webhook')).kind).toBe('open');
  });

  it('shred the orphaned secret at a removal, also without a channel', async () => {
    const { channels, vault, time } = await cutOff();
    time.advance(3_600_000);
    await channels.remove(KEY);
    expect([...vault.secrets.values()].join()).not.toContain(CANARY);
  });

  it('keep the secrets of a put that is under way', async () => {
    const { channels, vault } = await cutOff();
    await channels.remove(KEY);
    expect([...vault.secrets.values()].join()).toContain(CANARY);
  });
});

describe('channels.remove', () => {
  it('shreds the secrets, and changes nothing the second time', async () => {
    const { channels, vault } = await world();
    await channels.put({ ...KEY, url: URL_A });
    expect(await channels.remove(KEY)).toMatchObject({
      outcome: 'changed',
      channel: { configured: false },
    });
    expect(secretsIn(vault)).toBe(0);
    expect(await channels.remove(KEY)).toMatchObject({ outcome: 'unchanged' });
    expect(await channels.lookup('42', 'feishu')).toEqual({ kind: 'closed', reason: 'no_channel' });
  });
});

describe('channels.report', () => {
  it('disables the channel, so that it is not called any more', async () => {
    const { channels } = await world();
    await channels.put({ ...KEY, url: URL_A });
    await channels.report({ ...KEY, version: 1, advice: 'disable', code: 'feishu_19001' });
    expect(await channels.lookup('42', 'feishu')).toMatchObject({ reason: 'channel_disabled' });
    expect(await channels.get(KEY)).toMatchObject({ enabled: false, disabledBy: 'feishu_19001' });
    expect(await channels.enable(KEY)).toMatchObject({ outcome: 'changed' });
    expect((await channels.lookup('42', 'feishu')).kind).toBe('open');
  });
});

describe('channels.test', () => {
  it('acceptance 34: sends one real message, and the channel keeps the result', async () => {
    const { channels, sent } = await world();
    await channels.put({ ...KEY, url: URL_A });
    expect(await channels.test(KEY)).toMatchObject({
      outcome: 'tested',
      status: 'success',
      answer: 'accepted',
      channel: { lastTest: { status: 'success', code: '0' } },
    });
    expect(sent).toMatchObject([
      [{ triggerId: 'ast_test_webhook', previewId: 'asp_test_webhook' }, { url: URL_A }],
    ]);
  });

  it('sends five messages for thirty tests at once with a put beside each', async () => {
    const { channels, sent } = await world();
    await channels.put({ ...KEY, url: URL_A });
    const tests = Array.from({ length: 30 }, async (_, index) => {
      const [tested] = await Promise.all([
        channels.test(KEY),
        channels.put({ ...KEY, url: index % 2 === 0 ? URL_A : URL_B }),
      ]);
      return tested.outcome;
    });
    const outcomes = await Promise.allSettled(tests);
    expect(sent.length).toBeLessThanOrEqual(5);
    expect(outcomes.length).toBe(30);
    await channels.put({ ...KEY, url: URL_A });
    while ((await channels.test(KEY)).outcome === 'tested');
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.length).toBeLessThanOrEqual(5);
  });

  it('keeps a failed result too, and refuses a sixth test within an hour', async () => {
    const { channels, answers, time } = await world();
    await channels.put({ ...KEY, url: URL_A });
    answers.push({ outcome: 'permanent', code: 'feishu_19024', detail: 'Key Words Not Found' });
    expect(await channels.test(KEY)).toMatchObject({ status: 'failed', code: 'feishu_19024' });
    for (let more = 0; more < 4; more += 1) await channels.test(KEY);
    expect(await channels.test(KEY)).toMatchObject({ code: 'too_many_tests' });
    time.advance(3_600_000);
    expect(await channels.test(KEY)).toMatchObject({ outcome: 'tested' });
  });

  it('W19: keeps no secret that a sender returns or throws', async () => {
    const { channels, answers, store, throwing } = await world();
    const bot = `https://open.feishu.cn/open-apis/bot/v2/hook/${CANARY}`;
    const answered = (detail: string): SendOutcome => ({ outcome: 'transient', code: 'x', detail });
    await channels.put({ ...KEY, url: URL_A, bearerToken: 'token-token' });
    answers.push(answered(`at ${URL_A}: no key ${CANARY}, no token-token`));
    const flow = await channels.test(KEY);
    await channels.put({ ...KEY, url: bot, secret: 'signing-secret' });
    answers.push(answered('wrong: signing-secret'));
    const signed = await channels.test(KEY);
    throwing.push(new Error(`cannot reach ${URL_A}`));
    const thrown = await channels.test(KEY);
    expect([flow, signed, thrown]).toMatchObject([
      { detail: 'at ***: no key ***, no ***' },
      { detail: 'wrong: ***' },
      { code: 'sender_failed', answer: 'unknown' },
    ]);
    const all = [flow, signed, thrown, await channels.get(KEY), await eventsOf(store)];
    expect(JSON.stringify(all, bigintText)).not.toMatch(/canaryabcd|token-token|signing-secret/);
  });

  it('is refused without a channel, and for a disabled channel', async () => {
    const { channels, sent } = await world();
    expect(await channels.test(KEY)).toMatchObject({ code: 'not_configured' });
    await channels.put({ ...KEY, url: URL_A, enabled: false });
    expect(await channels.test(KEY)).toMatchObject({ code: 'channel_disabled' });
    expect(sent).toEqual([]);
  });
});

it('channels of a kernel without a vault are refused', async () => {
  const kernel = await openKernel({ ...scheduleProduct, store: memoryStore() });
  await expect(kernel.channels.get(KEY)).rejects.toMatchObject({ code: 'no_vault' });
});

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
