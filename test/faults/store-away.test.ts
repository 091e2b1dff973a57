// The store is away: raises answer, and daemons recover by themselves.
import { expect, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProxy } from '../harness/proxy.ts';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const input = {
  userId: 1,
  triggerType: 'important_urgent_task',
  source: 'api_trigger',
  targetType: 'task_pool',
  targetId: 1,
} as const;

/** A store in a process of its own, on any free port. */
async function serving(cli: Cli): Promise<{ front: CliProcess; port: number }> {
  const listen = ['--listen', '127.0.0.1:0', '--json'];
  const front = cli.start(['store', '--store', 'embedded:a.db', ...listen]);
  const [, port = ''] = await front.says(/"url":"[^"]*:(\d+)/);
  return { front, port: Number(port) };
}

test('a daemon that starts without its store waits for it', { timeout: SLOW_TEST_MS }, async () => {
  await using cli = testCli();
  await using nats = await testNatsServer();
  const { front, port } = await serving(cli);
  front.kill('SIGKILL');
  await front.ended();
  const store = `esdb://127.0.0.1:${port}?tls=false`;
  const daemon = cli.start(['project', '--store', store, '--nats', nats.url]);
  await daemon.says(/projector started/);
  await daemon.says(/the event store is away/);
  cli.start(['store', '--store', 'embedded:a.db', '--listen', `127.0.0.1:${port}`]);
  await daemon.says(/the event store is back/);
  daemon.kill('SIGTERM');
  expect(await daemon.ended()).toMatchObject({ code: 0 });
});

test(
  'a raise answers by its deadline while the store is unavailable',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    const { port } = await serving(cli);
    await using proxy = await openProxy(port);
    await using store = eventStoreDb({
      connectionString: `esdb://127.0.0.1:${proxy.port}?tls=false`,
    });
    await using kernel = await openKernel({ ...scheduleProduct, store });
    expect(await kernel.raise(input)).toMatchObject({ outcome: 'raised' });
    proxy.refuse(true);
    proxy.cut('reset');
    const away = await kernel.raise({ ...input, targetId: 2 }, { deadlineMs: 500 });
    expect(away).toMatchObject({
      outcome: 'unknown',
      message: expect.stringMatching(/no answer before the deadline/) as unknown,
    });
    proxy.refuse(false);
    expect(await kernel.raise({ ...input, targetId: 2 })).toMatchObject({
      triggerId: expect.stringMatching(/^ast_/) as unknown,
    });
  },
);
