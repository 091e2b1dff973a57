// What somebody can do to the broker's side, on a real server and by the command line: what the operator
// sees, and that after the cure everything is sent once.
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamUpdateConfig } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import {
  errorOf,
  projectedPartition,
  refused,
  testPartition,
  twice,
} from '../support/partition.ts';
import { testNatsServer } from '../support/nats-server.ts';

/** They are worked on one after the other, each with what the one before left. */
let partition: Awaited<ReturnType<typeof projectedPartition>>;
beforeAll(async () => {
  partition = await projectedPartition();
});
afterAll(() => partition[Symbol.asyncDispose]());

let users = 3;

/** One more trigger, whose two messages have to come through in the end. */
async function raiseOne(): Promise<void> {
  users += 1;
  await partition.raise(users, users);
}

async function update(settings: Partial<StreamUpdateConfig>): Promise<void> {
  const { streams } = await partition.stream.client.jetstreamManager();
  await streams.update('TOCSIN', settings);
}

async function expectAllOnce(): Promise<void> {
  expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
  expect(await partition.users()).toEqual(twice(1, users));
}

/** It is waited for, as the daemon does for ever; the command line gives up after 15 s with exit code 3. */
async function expectAway(reason: RegExp, servers = partition.nats.url): Promise<void> {
  await using store = await embeddedStore({ file: partition.cli.path('var/store.db') });
  using state = sqliteReadModel({ file: partition.cli.path('var/state.db') });
  const projector = openProjector({ store, state, output: jetStreamOutput({ servers }) });
  await expect(projector.once({ giveUpAfterMs: 300 })).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'dependency_away',
    message: expect.stringMatching(reason) as string,
    hint: expect.stringContaining('Nothing is lost') as string,
  });
}

describe('projector with a full stream', () => {
  test.each(['messages', 'bytes'] as const)(
    'waits at the limit of %s, and sends all messages when there is room',
    async (what) => {
      const { streams } = await partition.stream.client.jetstreamManager();
      const { state } = await streams.info('TOCSIN');
      const limit = what === 'bytes' ? { max_bytes: state.bytes } : { max_msgs: state.messages };
      await update({ ...limit, discard: DiscardPolicy.New });
      await raiseOne();
      await expectAway(new RegExp(`refused: maximum ${what} exceeded`));
      await update({ max_bytes: -1, max_msgs: -1, discard: DiscardPolicy.Old });
      await expectAllOnce();
    },
  );
});

describe('projector with changed stream settings', () => {
  test.each([
    ['no_ack', { no_ack: true }, { no_ack: false }, /no_ack is on/],
    ['max_msg_size', { max_msg_size: 1_000 }, { max_msg_size: -1 }, /max_msg_size is 1000/],
  ])(
    'refuses %s by name, and sends all messages after it is restored',
    async (_name, change, back, reason) => {
      await raiseOne();
      await update(change);
      const result = await partition.project();
      refused(result, 'output_settings', /Change these settings/);
      expect(errorOf(result).message).toMatch(reason);
      await update(back);
      await expectAllOnce();
    },
  );
});

describe('projector with an unsuitable server', () => {
  test('waits for a server without JetStream, and sends all messages when there is JetStream', async () => {
    await using bare = await testNatsServer({ jetStream: false });
    await raiseOne();
    await expectAway(/JetStream/, bare.url);
    await expectAllOnce();
  });

  test('names each wrong setting of a stream that was made for something else', async () => {
    await using other = await testPartition();
    const { streams } = await other.stream.client.jetstreamManager();
    await streams.add({
      name: 'TOCSIN',
      subjects: ['orders.>'],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.Memory,
    });
    await other.raise(1, 1);
    const result = await other.project();
    refused(result, 'output_settings', /name another stream/);
    for (const setting of ['retention', 'storage', 'subjects', 'deny_purge']) {
      expect(errorOf(result).message).toContain(setting);
    }
    expect(await other.project('--stream', 'OURS')).toMatchObject({
      code: 0,
      document: { published: 1 },
    });
  });
});

test('projector continues after messages that the stream discarded at its limit', async () => {
  const { streams } = await partition.stream.client.jetstreamManager();
  await expect(streams.purge('TOCSIN')).rejects.toThrow(/not permitted|purge/);
  const { messages = 0 } = (await partition.stream.last()) ?? {};
  await update({ max_msgs: 2 });
  await raiseOne();
  expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
  expect(await partition.stream.last()).toMatchObject({ sequence: messages + 2, messages: 2 });
  expect(await partition.users()).toEqual(twice(users, users));
});
