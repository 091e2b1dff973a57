// A real run with deliveries, channels, tokens and keys, and edits of its log for tests of tampering.
import { expect } from 'vitest';
import { isJsonObject, type JsonObject } from '../../src/domain/core/json.ts';
import { channelStream } from '../../src/domain/channel/stream.ts';
import { eventId } from '../../src/domain/core/ids.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import type { StoredMessage } from '../../src/projections/output.ts';
import { deliveryWorld, type DeliveryWorld } from '../delivery/world.support.ts';
import { appendControlEvent, appendRaw, metadata } from '../support/log-edits.ts';
import { eventsOf } from '../support/world.ts';

export type Log = readonly RecordedEvent[];
export type EditLog = (log: Log) => Log;

const HOUR = 60 * 60_000;

/** User 1: one published and two suppressed. User 2: delivered at the second attempt. User 3: dead. User 9: later. */
export async function realRun(): Promise<DeliveryWorld> {
  const world = await deliveryWorld();
  const { kernel, store, time } = world;
  const at = () => new Date(time.now()).toISOString();
  const channel = (type: string, more: JsonObject = {}) =>
    appendRaw(store, channelStream('tocsin', '2', 'feishu'), {
      type,
      data: { userId: '2', channel: 'feishu', version: 1, ...more },
      metadata: metadata(at()),
    });
  await channel('ChannelConfigured', {
    ...{ kind: 'feishu_bot', enabled: true, mask: 'https://…', fingerprint: '0123456789ab' },
    ...{ hasBearerToken: false, hasSecret: false, ref: crypto.randomUUID() },
  });
  await world.worker();
  world.answers.push({ outcome: 'transient', code: 'http_500', detail: '' });
  const second = await world.notify({ userId: 2, payload: { pin: 1 } });
  await world.when(second, 'failed once', ({ failedWith, open }) => {
    return failedWith !== undefined && open === undefined;
  });
  await world.toNextDue(second);
  await world.when(second, 'delivered', ({ phase }) => phase.status === 'delivered');
  world.answers.push({ outcome: 'permanent', code: 'gone', detail: '' });
  const third = await world.notify({ userId: 3 });
  await world.when(third, 'dead', ({ phase }) => phase.status === 'dead');
  const first = await world.notify({ idempotencyKey: 'k1', payload: { pin: 4 } });
  await world.when(first, 'delivered', ({ phase }) => phase.status === 'delivered');
  await world.notify();
  await world.notify({ idempotencyKey: 'k3', payload: { pin: 5 } });
  // A key whose raise was a duplicate.
  const again = { userId: 2, triggerType: 'important_urgent_task', source: 'api_trigger' } as const;
  await kernel.raise({ ...again, targetType: 'task_pool', targetId: 1, idempotencyKey: 'k4' });
  time.advance(2 * HOUR);
  await appendControlEvent(store, {
    type: 'NotificationsMuted',
    data: { triggerType: 'none', until: time.now() + HOUR, reason: 'a test' },
  });
  const last = await world.notify({ userId: 9 });
  await world.when(last, 'delivered', ({ phase }) => phase.status === 'delivered');
  await channel('ChannelDisabled', { code: 'by_owner' });
  const tokens = createTokens({ store });
  const token = await tokens.create({ name: 'web', scopes: ['preview:read'], userId: '1' });
  if (token.outcome !== 'created') throw new Error(token.outcome);
  await tokens.revoke(token.view.tokenId);
  await tokens.create({ name: 'another', scopes: ['preview:read'] });
  return world;
}

export const dataOf = ({ data }: RecordedEvent): JsonObject =>
  isJsonObject(data) ? data : expect.fail('an object');

export const metadataOf = ({ metadata: found }: RecordedEvent): JsonObject =>
  isJsonObject(found) ? found : expect.fail('an object');

export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : expect.fail('a text');

/** The index of the nth event of a type; from the end for a negative number. */
export function find(log: Log, type: string, nth = 0): number {
  const found = log.flatMap((event, at) => (event.type === type ? [at] : []));
  return found.at(nth) ?? expect.fail(`no ${type} ${nth}`);
}

export const eventAt = (log: Log, at: number): RecordedEvent => log[at] ?? expect.fail('an event');

type Change = (event: RecordedEvent) => Partial<RecordedEvent>;

export const edit =
  (type: string, nth: number, change: Change): EditLog =>
  (log) => {
    const at = find(log, type, nth);
    return log.map((event, index) => (index === at ? { ...event, ...change(event) } : event));
  };

export const data = (type: string, nth: number, more: JsonObject): EditLog =>
  edit(type, nth, (event) => ({ data: { ...dataOf(event), ...more } }));

export const personal = (type: string, nth: number, more: JsonObject): EditLog =>
  edit(type, nth, (event) => {
    const before = dataOf(event)['personal'];
    const part = before !== undefined && isJsonObject(before) ? before : {};
    return { data: { ...dataOf(event), personal: { ...part, ...more } } };
  });

export const meta = (type: string, nth: number, more: JsonObject): EditLog =>
  edit(type, nth, (event) => ({ metadata: { ...metadataOf(event), ...more } }));

export const all =
  (...edits: readonly EditLog[]): EditLog =>
  (log) =>
    edits.reduce((changed, one) => one(changed), log);

/** Changes all events of the append of an event. */
export const append =
  (type: string, nth: number, change: Change): EditLog =>
  (log) => {
    const found = eventAt(log, find(log, type, nth));
    const [stream, own] = [found.stream, metadataOf(found)];
    return log.map((event) =>
      event.stream === stream && metadataOf(event)['commandId'] === own['commandId']
        ? { ...event, ...change(event) }
        : event,
    );
  };

export const cut =
  (type: string, nth: number): EditLog =>
  (log) =>
    log.toSpliced(find(log, type, nth), 1);

export const cutStream =
  (type: string, nth: number): EditLog =>
  (log) => {
    const { stream } = eventAt(log, find(log, type, nth));
    return log.filter((event) => event.stream !== stream);
  };

/** Numbers the revisions of all streams again, as somebody does who hides a removal. */
export const renumber: EditLog = (log) => {
  const next = new Map<string, bigint>();
  return log.map((event) => {
    const revision = next.get(event.stream) ?? 0n;
    next.set(event.stream, revision + 1n);
    return { ...event, revision };
  });
};

/** Puts an event after another, written as a command of its own with a right id. */
export const putAfter =
  (type: string, nth: number, make: (event: RecordedEvent) => Partial<RecordedEvent>): EditLog =>
  (log) => {
    const at = find(log, type, nth);
    const before = eventAt(log, at);
    const commandId = crypto.randomUUID();
    const own = { ...before, ...make(before) };
    const added = {
      ...own,
      id: eventId(commandId, own.stream, 0),
      position: { commit: before.position.commit + 1n, prepare: before.position.prepare + 1n },
      metadata: { ...metadataOf(own), commandId },
    };
    return renumber(log.toSpliced(at + 1, 0, added));
  };

/** Changes a message of the stream, counted from 1. */
export const message =
  (n: number, change: (stored: StoredMessage) => Partial<StoredMessage>) =>
  (stored: StoredMessage[]): StoredMessage[] =>
    stored.map((one, at) => (at === n - 1 ? { ...one, ...change(one) } : one));

export const header = (n: number, name: string, value: string) =>
  message(n, ({ headers }) => ({ headers: new Map([...headers, [name, value]]) }));

export async function logOf(world: Pick<DeliveryWorld, 'store'>): Promise<Log> {
  return eventsOf(world.store);
}
