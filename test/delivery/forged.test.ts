// Whoever may publish into the stream can name any request of the log. The worker sends nothing for a message that the
// projector has not sent, and counts it; genuine messages beside it are delivered once.
import { randomBytes } from 'node:crypto';
import { headers as natsHeaders } from 'nats';
import { describe, expect, test } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { DeliveryOptions } from '../../src/kernel/processes/delivery/processes.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import { nextDigest } from '../../src/projections/dedupe/messages.ts';
import { messageKey, SIGNATURE_HEADER } from '../../src/projections/message-signature.ts';
import { identityIn } from '../../src/projections/publisher/sequence-map.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { jetStreamWorld, type JetStreamWorld } from './jetstream-world.support.ts';

const key = messageKey(randomBytes(32));
const other = messageKey(randomBytes(32));

/** Raises a second trigger of a user within the window: its request is suppressed. */
async function suppress({ store, state, output }: JetStreamWorld, user: number): Promise<void> {
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(1_000 + user, { userId: user, targetId: 77 }));
  await openProjector({ store, state, output, messageKeys: [key] }).once();
}

async function stored(world: JetStreamWorld) {
  const { streams } = await world.stream.client.jetstreamManager();
  const { state } = await streams.info('TOCSIN');
  const all = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const { subject, header, data } = await streams.getMessage('TOCSIN', { seq });
    const lines = [...header].map(([name, [value = '']]) => [name, value] as const);
    all.push({ subject, headers: new Map(lines), data });
  }
  return all;
}

type Change = (headers: Map<string, string>, last: ReadonlyMap<string, string>) => void;

/** Publishes a message for the suppressed request of a user, as the projector would have. */
async function forge(world: JetStreamWorld, user: number, change: Change): Promise<void> {
  const all = await stored(world);
  const sample = all.findLast(({ subject }) => subject.startsWith('notification.'));
  const last = all.at(-1);
  const request = (await eventsOf(world.store)).findLast(
    ({ type, data }) =>
      type === 'NotificationRequested' && (data as { userId: string }).userId === String(user),
  );
  if (sample === undefined || last === undefined || request === undefined)
    throw new Error('nothing');
  const copy = new Map(sample.headers);
  copy.set('ce-id', messageId(request.id, 'notification.requested'));
  copy.set('Tocsin-Stream', request.stream);
  copy.set('Tocsin-Revision', String(request.revision));
  change(copy, last.headers);
  const headers = natsHeaders();
  for (const [name, value] of copy) if (!name.startsWith('Nats-')) headers.set(name, value);
  await world.stream.client.jetstream().publish(sample.subject, sample.data, { headers });
}

/** The next link of the chain, which whoever reads the stream can compute. */
const linked: Change = (headers, last) => {
  const before = identityIn(last);
  if (before === undefined) throw new Error('the last message has no identity');
  headers.set('Tocsin-Ordinal', String(before.ordinal + 1n));
  headers.set('Tocsin-Digest', nextDigest(before.digest, headers.get('ce-id') ?? ''));
};
const unsigned: Change = (headers, last) => {
  linked(headers, last);
  headers.delete(SIGNATURE_HEADER);
};
const asIs: Change = () => undefined;

const withState = (world: JetStreamWorld): Partial<DeliveryOptions> => ({
  letThrough: world.state,
});
const none = { letThrough: undefined };

describe.each<[string, Change, (world: JetStreamWorld) => Partial<DeliveryOptions>, string]>([
  ['a copied signature, by the key', asIs, () => ({ ...none, messageKeys: [key] }), 'not_signed'],
  ['no signature, by the key', unsigned, () => ({ ...none, messageKeys: [key] }), 'not_signed'],
  ['the next link of the chain, by the verdict', unsigned, withState, 'not_let_through'],
  ['headers of another message, by the verdict', asIs, withState, 'not_let_through'],
  [
    'no signature, by the verdict although there is a key',
    unsigned,
    (world) => ({ ...withState(world), messageKeys: [key] }),
    'not_let_through',
  ],
  ['headers of another message, by the chain', asIs, () => none, 'not_in_chain'],
])('a forged message for a suppressed request with %s', (_name, change, evidence, reason) => {
  test('is counted and never sent, and genuine messages beside it are delivered once', async () => {
    const world = await jetStreamWorld({ keys: [key] });
    await world.raise(1, 6);
    await suppress(world, 2);
    await forge(world, 2, change);
    world.work(evidence(world));
    await until('all are delivered', () => world.list.counts().delivered === 6);
    await until('the forgery was found', () => world.list.forgedMessages().length > 0);
    expect(world.list.forgedMessages()).toMatchObject([{ reason, count: 1 }]);
    expect(world.calls.toSorted()).toEqual(['1', '2', '3', '4', '5', '6']);
  });
});

test('requests of a muted type are not sent for a forged message', async () => {
  const world = await jetStreamWorld({ keys: [key] });
  await world.raise(1, 1);
  const kernel = await openKernel({ ...scheduleProduct, store: world.store });
  const end = new Date(Date.now() + 3_600_000);
  const mute = { triggerType: 'important_urgent_task', until: end, reason: 'a test' };
  await kernel.policies.mute(mute);
  await world.raise(2, 2);
  await forge(world, 2, unsigned);
  world.work({ letThrough: world.state, messageKeys: [key] });
  await until('the forgery was found', () => world.list.forgedMessages().length > 0);
  await until('the other is delivered', () => world.list.counts().delivered === 1);
  expect(world.calls).toEqual(['1']);
});

test.each([
  ['the worker has another key, and the verdicts', [other]],
  ['the worker has no key, and the verdicts', undefined],
  ['the worker has the key as an older one', [other, key]],
] as const)('genuine messages are delivered where %s', async (_name, messageKeys) => {
  const world = await jetStreamWorld({ keys: [key] });
  await world.raise(1, 5);
  world.work({ letThrough: world.state, messageKeys });
  await until('all are delivered', () => world.list.counts().delivered === 5);
  expect(world.list.forgedMessages()).toEqual([]);
});

test('unsigned messages are delivered by the chain alone, also after a foreign message', async () => {
  const world = await jetStreamWorld();
  await world.raise(1, 2);
  await world.stream.client.jetstream().publish('notification.x.requested.aa.1', '');
  await world.raise(3, 4);
  world.work(none);
  await until('all are delivered', () => world.list.counts().delivered === 4);
  expect(world.list.forgedMessages()).toEqual([]);
});

test('a message is delivered when the projection commits its verdict after the worker got it', async () => {
  const world = await jetStreamWorld();
  await world.raise(1, 2);
  let isBehind = true;
  const late = {
    publishedAfter: () => [],
    checkpoint: () => (isBehind ? undefined : world.state.checkpoint()),
    verdictOfMessage: (id: string) => (isBehind ? undefined : world.state.verdictOfMessage(id)),
  };
  world.work({ letThrough: late, messageKeys: [key] });
  await until('both wait', async () => {
    const { consumers } = await world.stream.client.jetstreamManager();
    const all = await consumers.list('TOCSIN').next();
    return all[0]?.num_ack_pending === 2;
  });
  expect(world.calls).toEqual([]);
  isBehind = false;
  await until('both are delivered', () => world.list.counts().delivered === 2);
});
