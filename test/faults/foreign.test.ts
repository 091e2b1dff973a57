// Strangers' messages in the output stream, on real servers and by the command line: they cost a
// sequence each, and no message of ours its place in the list.
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import {
  forgetState,
  lastSequence,
  projectedPartition,
  refused,
  twice,
  type Partition,
} from '../support/partition.ts';
import { raiseLine } from '../support/lines.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const Summary = z.object({ checkpoint: z.object({ commit: z.string(), prepare: z.string() }) });

describe('tocsin project with foreign messages in the stream', () => {
  const publish = async (partition: Partition, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await partition.stream.client
        .jetstream()
        .publish('notification.feishu.requested.00.x', 'spam');
    }
  };
  const ours = async (partition: Partition) =>
    (await partition.stream.all()).filter(({ ordinal }) => ordinal !== '');

  test('counts and skips foreign messages before and between runs', async () => {
    await using partition = await projectedPartition();
    await publish(partition, 2);
    await partition.raise(4, 4);
    expect(await partition.project()).toMatchObject({
      document: { published: 1, outputSequence: '10' },
    });
    await publish(partition, 1);
    forgetState(partition);
    await partition.raise(5, 5);
    expect(await partition.project()).toMatchObject({
      document: { published: 1, outputSequence: '13' },
    });
    const list = await ours(partition);
    expect(list.map(({ ordinal }) => Number(ordinal))).toEqual(list.map((_, i) => i + 1));
    expect(new Set(list.map(({ id }) => id)).size).toBe(10);
  });

  test(
    'counts and skips foreign messages as a running daemon',
    { timeout: SLOW_TEST_MS },
    async ({ onTestFinished }) => {
      await using partition = await projectedPartition();
      const front = await createFront({ file: partition.cli.path('var/store.db') });
      onTestFinished(() => front.close());
      const where = ['--store', front.url];
      const daemon = partition.cli.start(['project', ...where, '--nats', partition.nats.url]);
      const [, http = ''] = await daemon.says(/"http":"(http:[^"]+)"/);
      const metric = async (name: string) => {
        const text = await (await fetch(`${http}/metrics`)).text();
        return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
      };
      // With no message of ours in flight: a message that a foreign one displaces is stored after its batch.
      await until('its start', async () => (await metric('tocsin_caught_up')) === 1);
      await publish(partition, 3);
      await until(
        'them to be seen',
        async () => (await metric('tocsin_foreign_messages_total')) === 3,
      );
      const input = `${raiseLine(4)}\n`;
      const raised = await partition.cli.json(['raise', ...where, '--file', '-'], { input });
      expect(raised.document).toMatchObject({ raised: 1 });
      await until('the next of ours', async () => (await lastSequence(partition)) === 11);
      daemon.kill('SIGTERM');
      expect(await daemon.ended()).toMatchObject({ code: 0 });
      const list = await ours(partition);
      expect(list.map(({ ordinal }) => Number(ordinal))).toEqual(list.map((_, i) => i + 1));
      expect(list.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 10, 11]);
    },
  );

  async function forge(partition: Partition, ordinal: number): Promise<void> {
    const [copied] = await partition.stream.headers();
    if (copied === undefined) throw new Error('no headers');
    for (const name of copied.keys()) if (name.startsWith('Nats-')) copied.delete(name);
    copied.set('Tocsin-Ordinal', String(ordinal));
    const subject = 'notification.feishu.requested.00.x';
    await partition.stream.client.jetstream().publish(subject, '{}', { headers: copied });
  }

  test('skips a copy of an earlier message', async () => {
    await using partition = await projectedPartition();
    await forge(partition, 1);
    await partition.raise(4, 4);
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect((await partition.stream.all()).map(({ ordinal }) => Number(ordinal))).toEqual([
      1, 2, 3, 4, 5, 6, 1, 7, 8,
    ]);
  });

  test.each([7, 9, 999_999])(
    'refuses a forged message with ordinal %i, and sends the unsent messages to a new stream',
    { timeout: SLOW_TEST_MS },
    async (n) => {
      await using partition = await projectedPartition();
      const { commit, prepare } = Summary.parse((await partition.project()).document).checkpoint;
      await forge(partition, n);
      await partition.raise(4, 5);
      refused(await partition.project(), 'output_disagrees', /Another program wrote to the stream/);
      expect(await lastSequence(partition)).toBe(7);
      const { streams } = await partition.stream.client.jetstreamManager();
      await streams.delete('TOCSIN');
      refused(await partition.project(), 'output_missing', /--resend-from/);
      expect(await partition.project('--resend-from', `${commit}/${prepare}`)).toMatchObject({
        code: 0,
        document: { triggered: 2, published: 2 },
      });
      expect(await partition.users()).toEqual(twice(4, 5));
    },
  );
});
