// The third witness, on real servers and by the command line: whatever was lost, replaced or mixed up,
// history is never sent again by accident, and each way on is somebody's recorded decision.
import { cpSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  errorOf,
  forgetState,
  lastSequence,
  projectedLane,
  refused,
  testLane,
  twice,
  type Lane,
} from '../support/lane.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

async function manager(lane: Lane) {
  return lane.stream.client.jetstreamManager();
}

/** Deletes the stream and makes an empty one with the same settings, as a helpful hand would. */
async function recreate(lane: Lane): Promise<void> {
  const streams = (await manager(lane)).streams;
  const { config } = await streams.info('TOCSIN');
  await streams.delete('TOCSIN');
  await streams.add(config);
}

describe('an empty stream under a read model that knows better', () => {
  test('is refused; --from-now sends what comes, and says so in the log', async () => {
    await using lane = await projectedLane();
    await recreate(lane);
    await lane.raise(4, 4);
    refused(await lane.project(), 'output_replaced', /--adopt-tail.*--resend-from.*--from-now/);
    refused(await lane.project('--from-start'), 'way_not_open', /--from-now/);
    refused(await lane.project('--adopt-tail'), 'nothing_to_adopt', /--from-now/);
    expect(await lastSequence(lane)).toBe(0);
    expect(await lane.opened()).toMatchObject([{ mode: 'first' }]);

    const reason = ['--reason', 'the disk was replaced'];
    expect(await lane.project('--from-now', ...reason)).toMatchObject({
      code: 0,
      document: { triggered: 0, published: 0, outputSequence: '0' },
    });
    await lane.raise(5, 6);
    expect(await lane.project()).toMatchObject({ document: { published: 2 } });
    expect(await lane.users()).toEqual(twice(5, 6));
    expect(await lane.opened()).toMatchObject([
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

  test('--resend-from sends again what came after that position, with the same ids', async () => {
    await using lane = await projectedLane();
    const Summary = z.object({ checkpoint: z.object({ commit: z.string(), prepare: z.string() }) });
    const first = await lane.project();
    const { commit, prepare } = Summary.parse(first.document).checkpoint;
    await lane.raise(4, 6);
    await lane.project();
    const before = await lane.stream.all();
    await recreate(lane);
    const way = ['--resend-from', `${commit}/${prepare}`, '--reason', 'they were lost'];
    expect(await lane.project(...way)).toMatchObject({
      code: 0,
      document: { triggered: 3, published: 3, outputSequence: '6' },
    });
    const again = await lane.stream.all();
    expect(again.map(({ id, body }) => [id, body])).toEqual(
      before.slice(6).map(({ id, body }) => [id, body]),
    );
    expect(again.map(({ ordinal }) => ordinal)).toEqual(['1', '2', '3', '4', '5', '6']);
    expect((await lane.opened()).at(-1)).toMatchObject({ mode: 'resend_from' });
    const bad = await lane.project('--resend-from', 'yesterday');
    expect(bad.code).toBe(0); // Nothing is wrong any more, so no way is taken.
  });

  test('--adopt-tail goes on after the last message of a stream that was moved', async () => {
    await using lane = await projectedLane();
    const messages = await lane.stream.all();
    const headers = await lane.stream.headers();
    await recreate(lane);
    const { client } = lane.stream;
    for (const [i, { subject, body }] of messages.entries()) {
      const copied = headers[i];
      if (copied === undefined) throw new Error('no headers');
      await client.jetstream().publish(subject, body, { headers: copied });
    }
    await lane.raise(4, 4);
    refused(await lane.project(), 'output_replaced', /--adopt-tail/);
    expect(await lane.project('--adopt-tail', '--reason', 'moved to new disks')).toMatchObject({
      code: 0,
      document: { triggered: 1, published: 1, outputSequence: '8' },
    });
    expect(await lane.users()).toEqual(twice(1, 4));
    expect((await lane.opened()).at(-1)).toMatchObject({ mode: 'adopt_tail', base: '0' });
  });

  test('a purge and a deletion are denied by the stream itself', async () => {
    await using lane = await projectedLane();
    const { streams } = await manager(lane);
    await expect(streams.purge('TOCSIN')).rejects.toThrow();
    await expect(streams.deleteMessage('TOCSIN', 3)).rejects.toThrow();
    expect(await lane.users()).toEqual(twice(1, 3));
  });
});

describe('a read model that is gone', () => {
  test('is built again, and nothing is sent again', async () => {
    await using lane = await projectedLane();
    forgetState(lane);
    await lane.raise(4, 4);
    expect(await lane.project()).toMatchObject({
      code: 0,
      document: { triggered: 1, published: 1, outputSequence: '8' },
    });
    expect(await lane.users()).toEqual(twice(1, 4));
    expect(await lane.opened()).toHaveLength(1);
  });

  test('together with the stream: refused, also as a daemon; nothing is made or sent', async () => {
    await using lane = await projectedLane();
    await (await manager(lane)).streams.delete('TOCSIN');
    forgetState(lane);
    refused(await lane.project(), 'output_missing', /--resend-from/);
    const daemon = await lane.cli.run(['project', '--nats', lane.nats.url]);
    expect(daemon).toMatchObject({ code: 4 });
    expect(daemon.stderr).toMatch(/^error: the log says that TOCSIN was written.*\n.*--from-now/);
    expect(await lane.stream.last()).toBeUndefined();
    expect(await lane.project('--from-now')).toMatchObject({ code: 0, document: { published: 0 } });
  });
});

describe('a wrong address', () => {
  test('of an empty server, and of one with the stream of another log', async () => {
    await using lane = await projectedLane();
    await using other = await testLane();
    refused(await lane.project('--nats', other.nats.url), 'output_missing', /Check --nats/);
    expect(await other.stream.last()).toBeUndefined();
    await other.raise(71, 72);
    await other.project();
    refused(await lane.project('--nats', other.nats.url), 'output_replaced', /Check --nats/);
    expect(await other.users()).toEqual(twice(71, 72));
    await lane.raise(4, 4);
    expect(await lane.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect(await lane.users()).toEqual(twice(1, 4));
  });

  test('of a log that has sent nothing yet: refused on a stream of another', async () => {
    await using lane = await projectedLane();
    await using other = await testLane();
    await other.raise(71, 72);
    refused(await other.project('--nats', lane.nats.url), 'output_not_ours', /--from-now/);
    expect(await lane.users()).toEqual(twice(1, 3));
  });

  test('of the state file or the log: refused', async () => {
    await using lane = await projectedLane();
    await using other = await testLane();
    await other.raise(71, 71);
    const store = ['--store', `embedded:${other.cli.path('var/store.db')}`];
    refused(await lane.project(...store), 'store_changed', /--store/);

    cpSync(lane.cli.path('var/store.db'), lane.cli.path('older.db'));
    await lane.raise(4, 4);
    await lane.project();
    const older = ['--store', 'embedded:older.db'];
    refused(await lane.project(...older), 'log_shorter', /Restore the newer copy/);
    expect(await lane.users()).toEqual(twice(1, 4));
  });
});

describe('a stream that was restored from an earlier copy', () => {
  /** Six messages are in the copy, `more` were sent after it was made. */
  async function restored(lane: Lane, more: () => Promise<void>): Promise<void> {
    const store = `${lane.nats.folder}/store`;
    await lane.nats.stop();
    cpSync(store, `${lane.nats.folder}/copy`, { recursive: true });
    await lane.nats.restart();
    await more();
    expect(await lane.projectApart()).toMatchObject({ code: 0 });
    await lane.nats.stop();
    rmSync(store, { recursive: true });
    cpSync(`${lane.nats.folder}/copy`, store, { recursive: true });
    await lane.nats.restart();
    await until('the client', async () => {
      try {
        return await lane.stream.last();
      } catch {
        // Still on its way back.
        return undefined;
      }
    });
  }

  test.concurrent('gets its lost tail again: same ids, same places', async () => {
    await using lane = await projectedLane();
    let before: Awaited<ReturnType<typeof lane.stream.all>> = [];
    await restored(lane, async () => {
      await lane.raise(4, 6);
      await lane.projectApart();
      before = await lane.stream.all();
      expect(before).toHaveLength(12);
    });
    expect(await lastSequence(lane)).toBe(6);
    await lane.raise(7, 7);
    expect(await lane.projectApart()).toMatchObject({
      code: 0,
      document: { triggered: 1, published: 1, outputSequence: '14' },
    });
    const after = await lane.stream.all();
    expect(after.slice(0, 12)).toEqual(before);
    expect(after).toHaveLength(14);
    expect(await lane.opened()).toHaveLength(1);
  });

  test.concurrent(
    'is refused when the lost ones are too old; --adopt-tail sends them',
    async () => {
      await using lane = await projectedLane();
      await restored(lane, () => lane.raiseAgo(4, 6, DAY_MS + 60_000));
      refused(await lane.projectApart(), 'output_behind', /--adopt-tail/);
      expect(await lastSequence(lane)).toBe(6);
      expect(await lane.projectApart('--adopt-tail')).toMatchObject({
        code: 0,
        document: { published: 3, outputSequence: '12' },
      });
      expect(await lane.users()).toEqual(twice(1, 6));
    },
  );
});

test('settings that make the stream unsafe are refused by name', async () => {
  await using lane = await projectedLane();
  const { streams } = await manager(lane);
  const { subjects } = (await streams.info('TOCSIN')).config;
  await lane.raise(4, 4);
  await streams.update('TOCSIN', {
    no_ack: true,
    max_msg_size: 1000,
    subjects: ['notification.*.requested.*.*'],
  });
  const result = await lane.project();
  refused(result, 'output_settings', /Change these settings/);
  const { message } = errorOf(result);
  expect(message).toMatch(/no_ack is on.*max_msg_size is 1000.*subjects lack/);
  const doctor = await lane.cli.call(['doctor', '--nats', lane.nats.url]);
  expect(doctor.code).toBe(1);
  expect(doctor.stdout).toContain('no_ack is on');
  await streams.update('TOCSIN', { no_ack: false, max_msg_size: -1, subjects });
  expect(await lane.project()).toMatchObject({ code: 0, document: { published: 1 } });
  expect(await lane.users()).toEqual(twice(1, 4));
});

describe('old history', () => {
  test('asks first: --from-now sends only what comes', async () => {
    await using lane = await testLane();
    await lane.raiseAgo(1, 3, DAY_MS + 60_000);
    refused(await lane.project(), 'old_history', /--from-start.*--from-now/);
    expect(await lane.stream.last()).toBeUndefined();
    expect(await lane.project('--from-now')).toMatchObject({ document: { published: 0 } });
    await lane.raise(4, 4);
    await lane.project();
    expect(await lane.users()).toEqual(twice(4, 4));
  });

  test('--from-start sends everything, by somebody’s decision', async () => {
    await using lane = await testLane();
    await lane.raiseAgo(1, 3, DAY_MS + 60_000);
    const way = ['--from-start', '--reason', 'a new consumer'];
    expect(await lane.project(...way)).toMatchObject({ document: { published: 3 } });
    expect(await lane.opened()).toMatchObject([
      { mode: 'from_start', reason: 'a new consumer', actor: 'tocsin project' },
    ]);
    expect(await lane.users()).toEqual(twice(1, 3));
  });
});

test('a server without our stream is left without it by those who only look', async () => {
  await using lane = await testLane();
  await using other = await testNatsServer();
  await using stream = await rawStream(other.url);
  await lane.raise(1, 1);
  await lane.cli.call(['doctor', '--nats', other.url]);
  expect(await lane.cli.call(['audit', 'replay'])).toMatchObject({ document: { published: 1 } });
  expect(await stream.last()).toBeUndefined();
});
