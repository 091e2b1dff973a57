// The output record, on real servers and by the command line: whatever was lost, replaced or mixed up,
// old messages are never sent again by accident, and each recovery is a recorded decision.
import { cpSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  errorOf,
  forgetState,
  lastSequence,
  projectedPartition,
  refused,
  testPartition,
  twice,
  type Partition,
} from '../support/partition.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

async function manager(partition: Partition) {
  return partition.stream.client.jetstreamManager();
}

/** Deletes the stream and makes an empty one with the same settings, as a helpful hand would. */
async function recreate(partition: Partition): Promise<void> {
  const streams = (await manager(partition)).streams;
  const { config } = await streams.info('TOCSIN');
  await streams.delete('TOCSIN');
  await streams.add(config);
}

describe('tocsin project on a replaced stream', () => {
  test('refuses an empty stream, and sends and records messages of future events with --from-now', async () => {
    await using partition = await projectedPartition();
    await recreate(partition);
    await partition.raise(4, 4);
    refused(
      await partition.project(),
      'output_replaced',
      /--adopt-tail.*--resend-from.*--from-now/,
    );
    refused(await partition.project('--from-start'), 'way_not_open', /--from-now/);
    refused(await partition.project('--adopt-tail'), 'nothing_to_adopt', /--from-now/);
    expect(await lastSequence(partition)).toBe(0);
    expect(await partition.opened()).toMatchObject([{ mode: 'first' }]);

    const reason = ['--reason', 'the disk was replaced'];
    expect(await partition.project('--from-now', ...reason)).toMatchObject({
      code: 0,
      document: { triggered: 0, published: 0, outputSequence: '0' },
    });
    await partition.raise(5, 6);
    expect(await partition.project()).toMatchObject({ document: { published: 2 } });
    expect(await partition.users()).toEqual(twice(5, 6));
    expect(await partition.opened()).toMatchObject([
      { mode: 'first', publishFrom: 'start' },
      {
        mode: 'from_now',
        publishFrom: 'here',
        base: '0',
        reason: 'the disk was replaced',
        actor: 'tocsin project',
      },
    ]);
  });

  test('sends messages after a position again with --resend-from and the same ids', async () => {
    await using partition = await projectedPartition();
    const Summary = z.object({ checkpoint: z.object({ commit: z.string(), prepare: z.string() }) });
    const first = await partition.project();
    const { commit, prepare } = Summary.parse(first.document).checkpoint;
    await partition.raise(4, 6);
    await partition.project();
    const before = await partition.stream.all();
    await recreate(partition);
    const options = ['--resend-from', `${commit}/${prepare}`, '--reason', 'they were lost'];
    expect(await partition.project(...options)).toMatchObject({
      code: 0,
      document: { triggered: 3, published: 3, outputSequence: '6' },
    });
    const again = await partition.stream.all();
    expect(again.map(({ id, body }) => [id, body])).toEqual(
      before.slice(6).map(({ id, body }) => [id, body]),
    );
    expect(again.map(({ ordinal }) => ordinal)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect((await partition.opened()).at(-1)).toMatchObject({ mode: 'resend_from' });
    const bad = await partition.project('--resend-from', 'yesterday');
    expect(bad.code).toBe(0); // Nothing is wrong any more, so the option has no effect.
  });

  test('continues with --adopt-tail after the last message of a moved stream', async () => {
    await using partition = await projectedPartition();
    const messages = await partition.stream.all();
    const headers = await partition.stream.headers();
    await recreate(partition);
    const { client } = partition.stream;
    for (const [i, { subject, body }] of messages.entries()) {
      const copied = headers[i];
      if (copied === undefined) throw new Error('no headers');
      await client.jetstream().publish(subject, body, { headers: copied });
    }
    await partition.raise(4, 4);
    refused(await partition.project(), 'output_replaced', /--adopt-tail/);
    expect(await partition.project('--adopt-tail', '--reason', 'moved to new disks')).toMatchObject(
      {
        code: 0,
        document: { triggered: 1, published: 1, outputSequence: '8' },
      },
    );
    expect(await partition.users()).toEqual(twice(1, 4));
    expect((await partition.opened()).at(-1)).toMatchObject({ mode: 'adopt_tail', base: '0' });
  });

  test('relies on a stream that denies a purge and a deletion', async () => {
    await using partition = await projectedPartition();
    const { streams } = await manager(partition);
    await expect(streams.purge('TOCSIN')).rejects.toThrow();
    await expect(streams.deleteMessage('TOCSIN', 3)).rejects.toThrow();
    expect(await partition.users()).toEqual(twice(1, 3));
  });
});

describe('tocsin project without its read model', { timeout: SLOW_TEST_MS }, () => {
  test('builds the read model again, and sends nothing again', async () => {
    await using partition = await projectedPartition();
    forgetState(partition);
    await partition.raise(4, 4);
    expect(await partition.project()).toMatchObject({
      code: 0,
      document: { triggered: 1, published: 1, outputSequence: '8' },
    });
    expect(await partition.users()).toEqual(twice(1, 4));
    expect(await partition.opened()).toHaveLength(1);
  });

  test('refuses to run without the stream too, also as a daemon, and creates and sends nothing', async () => {
    await using partition = await projectedPartition();
    await (await manager(partition)).streams.delete('TOCSIN');
    forgetState(partition);
    refused(await partition.project(), 'output_missing', /--resend-from/);
    const daemon = await partition.cli.run(['project', '--nats', partition.nats.url]);
    expect(daemon).toMatchObject({ code: 4 });
    expect(daemon.stderr).toMatch(
      /^error: the log says that TOCSIN exists, but it does not.*\n.*--from-now/,
    );
    expect(await partition.stream.last()).toBeUndefined();
    expect(await partition.project('--from-now')).toMatchObject({
      code: 0,
      document: { published: 0 },
    });
  });
});

describe('tocsin project with a wrong address', () => {
  test('refuses an empty server, and a server with the stream of another log', async () => {
    await using partition = await projectedPartition();
    await using other = await testPartition();
    refused(await partition.project('--nats', other.nats.url), 'output_missing', /Check --nats/);
    expect(await other.stream.last()).toBeUndefined();
    await other.raise(71, 72);
    await other.project();
    refused(await partition.project('--nats', other.nats.url), 'output_replaced', /Check --nats/);
    expect(await other.users()).toEqual(twice(71, 72));
    await partition.raise(4, 4);
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect(await partition.users()).toEqual(twice(1, 4));
  });

  test('refuses the stream of another log for a log that has sent nothing', async () => {
    await using partition = await projectedPartition();
    await using other = await testPartition();
    await other.raise(71, 72);
    refused(await other.project('--nats', partition.nats.url), 'output_not_ours', /--from-now/);
    expect(await partition.users()).toEqual(twice(1, 3));
  });

  test('refuses another log and an older copy of its log', async () => {
    await using partition = await projectedPartition();
    await using other = await testPartition();
    await other.raise(71, 71);
    const store = ['--store', `embedded:${other.cli.path('var/store.db')}`];
    refused(await partition.project(...store), 'store_changed', /--store/);

    cpSync(partition.cli.path('var/store.db'), partition.cli.path('older.db'));
    await partition.raise(4, 4);
    await partition.project();
    const older = ['--store', 'embedded:older.db'];
    refused(await partition.project(...older), 'log_shorter', /Restore the newer log/);
    expect(await partition.users()).toEqual(twice(1, 4));
  });
});

describe(
  'tocsin project on a stream that was restored from an earlier copy',
  { timeout: SLOW_TEST_MS },
  () => {
    /** Six messages are in the copy, `more` were sent after it was made. */
    async function restored(partition: Partition, more: () => Promise<void>): Promise<void> {
      const store = `${partition.nats.folder}/store`;
      await partition.nats.stop();
      cpSync(store, `${partition.nats.folder}/copy`, { recursive: true });
      await partition.nats.restart();
      await more();
      expect(await partition.projectApart()).toMatchObject({ code: 0 });
      await partition.nats.stop();
      rmSync(store, { recursive: true });
      cpSync(`${partition.nats.folder}/copy`, store, { recursive: true });
      await partition.nats.restart();
      await until('the client', async () => {
        try {
          return await partition.stream.last();
        } catch {
          // Still on its way back.
          return undefined;
        }
      });
    }

    test.concurrent('sends the lost messages again with the same ids and sequences', async () => {
      await using partition = await projectedPartition();
      let before: Awaited<ReturnType<typeof partition.stream.all>> = [];
      await restored(partition, async () => {
        await partition.raise(4, 6);
        await partition.projectApart();
        before = await partition.stream.all();
        expect(before).toHaveLength(12);
      });
      expect(await lastSequence(partition)).toBe(6);
      await partition.raise(7, 7);
      expect(await partition.projectApart()).toMatchObject({
        code: 0,
        document: { triggered: 1, published: 1, outputSequence: '14' },
      });
      const after = await partition.stream.all();
      expect(after.slice(0, 12)).toEqual(before);
      expect(after).toHaveLength(14);
      expect(await partition.opened()).toHaveLength(1);
    });

    test.concurrent(
      'refuses to send lost messages that are too old, and sends them with --adopt-tail',
      async () => {
        await using partition = await projectedPartition();
        await restored(partition, () => partition.raiseAgo(4, 6, DAY_MS + 60_000));
        refused(await partition.projectApart(), 'output_behind', /--adopt-tail/);
        expect(await lastSequence(partition)).toBe(6);
        expect(await partition.projectApart('--adopt-tail')).toMatchObject({
          code: 0,
          document: { published: 3, outputSequence: '12' },
        });
        expect(await partition.users()).toEqual(twice(1, 6));
      },
    );
  },
);

test('tocsin project names the settings that make the stream unsafe', async () => {
  await using partition = await projectedPartition();
  const { streams } = await manager(partition);
  const { subjects } = (await streams.info('TOCSIN')).config;
  await partition.raise(4, 4);
  await streams.update('TOCSIN', {
    no_ack: true,
    max_msg_size: 1000,
    subjects: ['notification.*.requested.*.*'],
  });
  const result = await partition.project();
  refused(result, 'output_settings', /Change these settings/);
  const { message } = errorOf(result);
  expect(message).toMatch(/no_ack is on.*max_msg_size is 1000.*subjects lack/);
  const doctor = await partition.cli.call(['doctor', '--nats', partition.nats.url]);
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toContain('no_ack is on');
  await streams.update('TOCSIN', { no_ack: false, max_msg_size: -1, subjects });
  expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
  expect(await partition.users()).toEqual(twice(1, 4));
});

describe('tocsin project on old history', () => {
  test('refuses without an option, and sends only messages of future events with --from-now', async () => {
    await using partition = await testPartition();
    await partition.raiseAgo(1, 3, DAY_MS + 60_000);
    refused(await partition.project(), 'old_history', /--from-start.*--from-now/);
    expect(await partition.stream.last()).toBeUndefined();
    expect(await partition.project('--from-now')).toMatchObject({ document: { published: 0 } });
    await partition.raise(4, 4);
    await partition.project();
    expect(await partition.users()).toEqual(twice(4, 4));
  });

  test('sends everything with --from-start, and records the decision', async () => {
    await using partition = await testPartition();
    await partition.raiseAgo(1, 3, DAY_MS + 60_000);
    const options = ['--from-start', '--reason', 'a new consumer'];
    expect(await partition.project(...options)).toMatchObject({ document: { published: 3 } });
    expect(await partition.opened()).toMatchObject([
      { mode: 'from_start', reason: 'a new consumer', actor: 'tocsin project' },
    ]);
    expect(await partition.users()).toEqual(twice(1, 3));
  });
});

test('commands that only read create no stream on the server', async () => {
  await using partition = await testPartition();
  await using other = await testNatsServer();
  await using stream = await rawStream(other.url);
  await partition.raise(1, 1);
  await partition.cli.call(['doctor', '--nats', other.url]);
  expect(await partition.cli.call(['audit', 'replay'])).toMatchObject({
    document: { published: 1 },
  });
  expect(await stream.last()).toBeUndefined();
});
