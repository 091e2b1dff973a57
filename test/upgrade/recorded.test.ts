// A deployment that an earlier version has left: log, state file, worker's folder, vault and stream. This version reads all
// of it, decides as that version did, and goes on without sending anything again. `npm run upgrade` runs two versions side
// by side; this needs no history of the repository.
import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { standIn } from '../harness/upgrade/stand-in.ts';
import { testCli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { rawStream } from '../support/jetstream.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const recorded = join(import.meta.dirname, 'recorded');

const Listed = z.looseObject({ deliveries: z.array(z.looseObject({ status: z.string() })) });

test(
  'the files of an earlier version are read, verified and continued, and nothing is sent twice',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    cpSync(recorded, cli.folder, { recursive: true });
    // A checkout does not keep who may read a file.
    for (const key of ['vault.key', 'message.key']) chmodSync(cli.path(key), 0o600);
    await using nats = await startNatsServer({ storeDir: cli.path('nats') });
    await using receiver = await standIn();
    await using stream = await rawStream(nats.url);
    const env = {
      TOCSIN_NATS: nats.url,
      TOCSIN_STORE: `embedded:${cli.path('store.db')}`,
      TOCSIN_STATE: cli.path('state.db'),
      TOCSIN_WORKER: cli.path('worker'),
      TOCSIN_VAULT: cli.path('vault.db'),
      TOCSIN_VAULT_KEY_FILE: cli.path('vault.key'),
      TOCSIN_MESSAGE_KEY_FILE: cli.path('message.key'),
      TOCSIN_STAND_IN: receiver.origin,
    };
    const call = async (...args: readonly string[]): Promise<unknown> => {
      const { code, document } = await cli.call(args, { env });
      expect([args, code]).toEqual([args, 0]);
      return document;
    };
    // Three users, one of them twice within the window.
    const counts = { triggers: 4, published: 3, suppressed: 1, parked: 0 };
    expect(await call('audit', 'replay')).toMatchObject({
      ...counts,
      dedupeKeysSha256: '456680df5cbe46d3b44ec846f79c2aa1f453c40e3fc75c12871974e3abdea99a',
    });
    expect(await call('audit', 'verify')).toMatchObject({ published: 3, mismatches: [] });
    expect(
      Listed.parse(await call('deliveries', 'list'))
        .deliveries.map(({ status }) => status)
        .toSorted(),
    ).toEqual(['delivered', 'delivered', 'skipped']);
    expect(await call('project', '--once')).toMatchObject({ events: 0, published: 0 });
    const before = await stream.last();
    expect(before?.sequence).toBe(7);

    const url = `${receiver.origin}/open-apis/bot/v2/hook/4`;
    const put = ['channel', 'put', '--user', '4'];
    await cli.json(put, { env, input: url });
    const input = `${raiseLine(4)}\n`;
    expect(await cli.json(['raise', '--file', '-'], { env, input })).toMatchObject({ code: 0 });
    const store = cli.start(['store', '--listen', '127.0.0.1:0'], { env });
    const [served] = await store.says(/esdb:[^;\s]+/);
    const worker = cli.start(['start', '--mode', 'worker'], {
      env: { ...env, TOCSIN_STORE: served },
    });
    await expect.poll(() => receiver.calls, { timeout: SLOW_TEST_MS }).toHaveLength(1);
    worker.kill('SIGTERM');
    expect(await worker.ended()).toMatchObject({ code: 0 });
    store.kill('SIGTERM');
    await store.ended();
    expect(receiver.calls).toEqual(['/open-apis/bot/v2/hook/4']);
    expect(await call('audit', 'verify')).toMatchObject({ published: 4, mismatches: [] });
    expect((await stream.last())?.sequence).toBe(9);
  },
);
