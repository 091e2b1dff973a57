// Sealing and forgetting: personal parts are unreadable in the log, readable with the vault, and gone with the
// user's key, while every verdict stays the same.
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { IDEMPOTENCY_EVENTS } from '../../src/domain/idempotency/events.ts';
import { BLANK_PERSONAL } from '../../src/domain/core/personal.ts';
import { keyedCommandId } from '../../src/domain/core/ids.ts';
import { canonicalJson, parseJson } from '../../src/domain/core/json.ts';
import { leafOf } from '../../src/projections/notary/leaf.ts';
import { saltedHash } from '../../src/projections/personal-hash.ts';
import { TRIGGER_EVENTS } from '../../src/domain/trigger/events.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { readRequest } from '../../src/kernel/processes/delivery/read-request.ts';
import { forgetUser } from '../../src/kernel/sealing/forget.ts';
import { sealedStore } from '../../src/kernel/sealing/sealed-store.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import { changeDelivery } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { deliveryContext } from '../../src/kernel/processes/delivery/processes.ts';
import { facts, T0 } from '../domain/delivery.support.ts';
import { memoryVault } from '../support/vault.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const SUMMARY = 'canary of a summary';
const PAYLOAD = { title: 'canary of a payload' };

async function world() {
  const store = memoryStore();
  const vault = memoryVault();
  const evaluate = () => ({ outcome: 'offer', kind: 'reminder', summary: SUMMARY }) as const;
  const open = (more: object = {}) =>
    openKernel({ ...scheduleProduct, store, evaluate, vault, ...more });
  const kernel = await open();
  const raise = async (n: number, on = kernel) => {
    const input = { userId: 42, payload: PAYLOAD, idempotencyKey: `key ${n}` };
    return raised(on, anInput(n, input));
  };
  const tokens = createTokens({ store: sealedStore(store, vault) });
  const text = async () =>
    JSON.stringify(await eventsOf(store), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  const forget = (userId = '42') =>
    forgetUser(
      { store, vault, channels: kernel.channels, tokens, kernel: 'tocsin', actor: 'test' },
      userId,
    );
  const verdicts = async () => {
    const rows: unknown[] = [];
    const options = { onVerdict: (row: unknown) => rows.push(row) };
    return { result: await replay(store, memoryReadModel(), 'tocsin', options), rows };
  };
  return { store, vault, tokens, kernel, open, raise, text, forget, verdicts };
}

describe('sealedStore', () => {
  it('leaves nothing personal readable in the log, and everything readable for the kernel', async () => {
    const { kernel, raise, text, store, vault } = await world();
    const { previewId = '' } = await raise(1);
    expect(await text()).not.toContain('canary');
    expect(await text()).toContain('"sealed"');
    const preview = await kernel.previews.get('42', previewId);
    expect(JSON.stringify(preview)).toContain(SUMMARY);
    const log = await eventsOf(store);
    const request = log.find(({ type }) => type === 'NotificationRequested');
    const location = { stream: request?.stream ?? '', revision: String(request?.revision) };
    expect(await readRequest(sealedStore(store, vault), 'tocsin', location)).toMatchObject({
      value: { request: { personal: { summary: SUMMARY } } },
    });
  });

  it('does not change verdicts: a replay without the vault gives the same verdicts', async () => {
    const sealed = await world();
    await sealed.raise(1);
    await sealed.raise(2);
    expect((await sealed.verdicts()).result).toMatchObject({
      triggers: 2,
      published: 1,
      suppressed: 1,
      parked: 0,
    });
  });

  it('seals an event without a user id for the user of its stream', async () => {
    const { store, vault, raise } = await world();
    await raise(1);
    const [first] = (await eventsOf(store)).filter(({ type }) => type === 'TriggerRaised');
    const stream = first?.stream ?? '';
    const last = (await eventsOf(store, stream)).at(-1)?.revision ?? 0n;
    const event = {
      id: '6f1c5a0e-3b52-4c7e-9d4a-7a2f4e0b8c11',
      type: 'TriggerEvaluationFailed',
      data: { triggerId: 'x', occurrence: 1, personal: { detail: 'canary' } },
      metadata: {},
    };
    await sealedStore(store, vault).append(stream, last, [event]);
    const stored = (await eventsOf(store, stream)).at(-1)?.data;
    expect(stored).toMatchObject({ personal: { sealed: { user: '42' } } });
  });

  it('does not unseal the personal part of one event in another event', async () => {
    const { store, vault, raise } = await world();
    await raise(1);
    const log = await eventsOf(store);
    const [from] = log.filter(({ type }) => type === 'TriggerRaised');
    const event = {
      id: '6f1c5a0e-3b52-4c7e-9d4a-7a2f4e0b8c11',
      type: 'PreviewOffered',
      data: from?.data as { [key: string]: never },
      metadata: {},
    };
    await store.append('tocsin.trigger-00-elsewhere', 'no_stream', [event]);
    const reading = async () => {
      const through = sealedStore(store, vault);
      const options = { direction: 'forwards' } as const;
      for await (const _page of through.readStream('tocsin.trigger-00-elsewhere', options));
    };
    await expect(reading()).rejects.toThrow();
  });

  it('reads a shredded personal part as blank for every event type that has one', () => {
    const schemas = Object.values({ ...TRIGGER_EVENTS, ...IDEMPOTENCY_EVENTS });
    const shapes = schemas.flatMap(({ shape }) => ('personal' in shape ? [shape.personal] : []));
    expect(shapes.length).toBeGreaterThan(5);
    for (const shape of shapes) expect(shape.safeParse(BLANK_PERSONAL).success).toBe(true);
  });
});

describe('forgetUser', () => {
  it('leaves nothing readable and keeps every verdict', async () => {
    const { kernel, raise, forget, verdicts, vault } = await world();
    const url = 'https://www.feishu.cn/flow/api/trigger-webhook/canary-canary';
    await kernel.channels.put({ userId: 42, channel: 'feishu', url });
    const { previewId = '' } = await raise(1);
    await raise(2);
    await raised(kernel, anInput(3, { userId: 43, payload: PAYLOAD }));
    const before = await verdicts();
    const forgotten = await forget();
    expect(forgotten).toMatchObject({
      keyShredded: true,
      channelsRemoved: 1,
      readable: 0,
      readableAt: [],
    });
    expect(forgotten.unreadable).toBeGreaterThan(5);
    expect([...vault.secrets.keys()]).toEqual(['user/43']);
    expect(await verdicts()).toEqual(before);
    expect(JSON.stringify(await kernel.previews.get('42', previewId))).not.toContain('canary');
    expect(await forget()).toMatchObject({ keyShredded: false, readable: 0 });
  });

  it('revokes the tokens of the user, and leaves no name, reason or mask of the user readable', async () => {
    const { kernel, tokens, forget, text } = await world();
    const url = 'https://www.feishu.cn/flow/api/trigger-webhook/canary-canary';
    await kernel.channels.put({ userId: 42, channel: 'feishu', url });
    const scopes = ['preview:read'] as const;
    const create = async (name: string, userId?: string) => {
      const made = await tokens.create({ name, scopes: [...scopes], userId });
      return made.outcome === 'created' ? made : expect.fail(made.message);
    };
    const lost = await create('canary of the lost telephone', '42');
    const used = await create('canary of a telephone', '42');
    const service = await create('the web application');
    await tokens.revoke(lost.view.tokenId, { reason: 'canary of a theft' });
    expect(await text()).not.toMatch(/canary|cana\.\.\.nary/);
    expect((await tokens.list()).map(({ name }) => name)).toContain('canary of a telephone');
    expect((await kernel.channels.get({ userId: '42', channel: 'feishu' })).configured).toBe(true);
    expect(await forget()).toMatchObject({ tokensRevoked: 1, channelsRemoved: 1, readable: 0 });
    expect(await tokens.verify(used.token)).toBeUndefined();
    expect(await tokens.verify(service.token)).toBeDefined();
    expect(JSON.stringify(await tokens.list())).not.toContain('canary');
  });

  it('leaves neither the reason of an evaluator nor the answer of a receiver readable', async () => {
    const { open, raise, text, store, vault } = await world();
    const reason = 'canary of a reason';
    for (const [n, outcome] of ['close', 'reject'].entries()) {
      const kernel = await open({ evaluate: () => ({ outcome, code: 'because', reason }) });
      await raise(100 + n, kernel).catch(() => undefined);
    }
    const runtime = { ...systemRuntime(), now: () => T0 };
    const records = deliveryContext({ store: sealedStore(store, vault), runtime });
    const stream = deliveryStream('tocsin', '42', facts.notificationId);
    await changeDelivery(records, stream, { kind: 'accept', facts: { ...facts, userId: '42' } });
    const detail = 'canary of an answer';
    await changeDelivery(records, stream, { kind: 'give_up', reason: 'refused', detail });
    const types = (await eventsOf(store)).map(({ type }) => type);
    expect(types).toEqual(
      expect.arrayContaining(['TriggerClosed', 'TriggerRejected', 'DeliveryDied']),
    );
    expect(await text()).not.toContain('canary');
  });

  it('leaves no hash in the log from which a short text could be guessed', async () => {
    const { kernel, forget, text } = await world();
    const input = anInput(1, { userId: 42, payload: { pin: '4711' }, idempotencyKey: 'k' });
    await raised(kernel, input);
    const before = await text();
    const guess = canonicalJson(parseJson(JSON.stringify(input)));
    const digest = hash('sha256', guess);
    const commandId = keyedCommandId('42', input.triggerType, 'k', digest);
    for (const found of [digest, commandId]) expect(before).not.toContain(found);
    await forget();
    // The salt was sealed with the request, so no text of the log is the key of the hash.
    const [, claimed = ''] = /"requestHash":"([0-9a-f]{64})"/.exec(await text()) ?? [];
    const salts = (await text()).match(/[A-Za-z0-9_-]{22,}/g) ?? [];
    expect(salts.map((salt) => saltedHash(salt, guess))).not.toContain(claimed);
  });

  it('keeps idempotency keys: a repeat raises nothing, in this process and in another', async () => {
    const { kernel, open, forget, store } = await world();
    const input = anInput(1, { userId: 42, payload: PAYLOAD, idempotencyKey: 'k' });
    const { triggerId } = await raised(kernel, input);
    const duplicate = { outcome: 'duplicate', duplicate: true, triggerId };
    const other = { ...input, payload: { title: 'another' } };
    expect(await (await open()).raise(input)).toEqual(duplicate);
    expect(await kernel.raise(other)).toMatchObject({ outcome: 'idempotency_conflict' });
    await forget();
    const before = (await eventsOf(store)).length;
    // The request of a forgotten user cannot be compared any more, so the key alone counts.
    for (const repeat of [input, other]) {
      expect(await kernel.raise(repeat)).toEqual(duplicate);
      expect(await (await open()).raise(repeat)).toEqual(duplicate);
    }
    expect(await eventsOf(store)).toHaveLength(before);
  });

  it('changes no leaf of the log', async () => {
    const { raise, forget, store } = await world();
    await raise(1);
    const before = (await eventsOf(store)).map(leafOf);
    await forget();
    expect((await eventsOf(store)).map(leafOf).slice(0, before.length)).toEqual(before);
  });

  it('names texts that were not sealed as readable', async () => {
    const { store, forget } = await world();
    await createTokens({ store }).create({ name: 'plain', scopes: ['preview:read'], userId: '42' });
    expect(await forget()).toMatchObject({ readable: 1, tokensRevoked: 1 });
  });

  it('lists events that were written before sealing', async () => {
    const { open, raise, forget } = await world();
    await raise(1, await open({ seal: false }));
    const { readable, readableAt } = await forget();
    expect(readable).toBeGreaterThan(0);
    expect(readableAt).toHaveLength(readable);
  });

  it('does not restore shredded parts when the user returns', async () => {
    const { kernel, raise, forget } = await world();
    const { previewId: first = '' } = await raise(1);
    await forget();
    const { previewId: second = '' } = await raise(2);
    expect(JSON.stringify(await kernel.previews.get('42', first))).not.toContain('canary');
    expect(JSON.stringify(await kernel.previews.get('42', second))).toContain(SUMMARY);
  });
});
