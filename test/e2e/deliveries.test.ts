// Start modes as real processes on one front: when a worker starts, earlier triggers are delivered, or their
// records say why not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { testCli, type Cli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const List = z.object({
  deliveries: z.array(
    z.object({
      notificationId: z.string(),
      userId: z.string(),
      status: z.string(),
      reason: z.string().nullable(),
      attempts: z.int(),
    }),
  ),
  counts: z.record(z.string(), z.number()),
});

async function deliveries(cli: Cli, args: readonly string[] = []) {
  const { code, document } = await cli.call(['deliveries', 'list', ...args]);
  return code === 0 ? List.parse(document) : undefined;
}

/** All files of a folder with their bytes. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString('latin1'));
}

describe('tocsin start --mode', () => {
  test(
    'acceptance 49, 50: without a worker nothing is delivered; with one, what was raised is',
    async () => {
      await using cli = testCli();
      await using nats = await testNatsServer();
      const store = cli.start(['store', '--listen', '127.0.0.1:0', '--json'], { open: true });
      const [, url = ''] = await store.says(/"url":"(esdb:[^"]+)"/);
      const env = { TOCSIN_STORE: url, TOCSIN_NATS: nats.url };

      const lines = [1, 2].map((user) => raiseLine(user)).join('\n');
      const raised = await cli.json(['raise', '--file', '-'], { input: lines, env });
      expect(raised.document).toMatchObject({ raised: 2 });
      expect(await deliveries(cli)).toBeUndefined();

      const worker = cli.start(['start', '--mode', 'worker'], { env });
      const found = await until('both have a record', async () => {
        const answer = await deliveries(cli);
        return answer?.counts['skipped'] === 2 ? answer : undefined;
      });
      // Both users have no channel, and the records say so.
      expect(found.deliveries.map(({ userId, reason }) => ({ userId, reason }))).toEqual(
        expect.arrayContaining([
          { userId: '1', reason: 'no_channel' },
          { userId: '2', reason: 'no_channel' },
        ]),
      );
      expect((await deliveries(cli, ['--user', '2']))?.deliveries).toHaveLength(1);

      const id = found.deliveries[0]?.notificationId ?? '';
      const redriven = await cli.call(['deliveries', 'redrive', id, '--reason', 'try'], { env });
      expect(redriven).toMatchObject({ code: 0, document: { redriven: true } });
      const Shown = z.object({ events: z.array(z.object({ type: z.string() })) });
      const shown = await until('it is skipped again', async () => {
        const { document } = await cli.call(['deliveries', 'show', id], { env });
        const { events } = Shown.parse(document);
        return events.length === 4 ? events : undefined;
      });
      expect(shown.map(({ type }) => type)).toEqual([
        'NotificationAccepted',
        'DeliverySkipped',
        'DeliveryRedriven',
        'DeliverySkipped',
      ]);
      const unknown = await cli.call(['deliveries', 'show', nats.url], { env });
      expect(unknown).toMatchObject({ code: 2, document: { error: { code: 'unknown_delivery' } } });

      worker.kill('SIGTERM');
      expect((await worker.ended()).code).toBe(0);
      store.kill('SIGTERM');
      await store.ended();
    },
    SLOW_TEST_MS,
  );

  test(
    'acceptance 51: in all mode the whole chain works in one process',
    async () => {
      await using cli = testCli();
      const start = cli.start(['start'], { open: true });
      await start.says(/answered 0 success/);
      await start.says(/answered 2200 internal error/);
      await start.says(/answered 19001/);
      await until('each delivery to be delivered or dead', async () => {
        const rows = (await deliveries(cli))?.deliveries ?? [];
        const of = (userId: string, status: string) =>
          rows.filter((row) => row.userId === userId && row.status === status);
        const isRetried = of('1002', 'delivered').some(({ attempts }) => attempts > 1);
        const isTold = of('1001', 'delivered').length > 0;
        return isRetried && isTold && of('mia@example.org', 'dead').length > 0;
      });
      const { document } = await cli.call(['channel', 'list', '--user', 'mia@example.org']);
      expect(document).toMatchObject({
        channels: [{ kind: 'feishu_bot', enabled: false, disabledBy: 'feishu_19001' }],
      });
      start.kill('SIGINT');
      const { stdout, stderr, code } = await start.ended();
      expect(code).toBeOneOf([0, 130]);
      // Only the vault holds the addresses, encrypted.
      const secret = /hook\/(?:first-fails|bot-removed)|trigger-webhook\/always-well/;
      for (const text of [stdout, stderr, ...filesIn(cli.path('var'))]) {
        expect(text).not.toMatch(secret);
      }
    },
    SLOW_TEST_MS,
  );
});
