// A user whose rights end while processes run: disabled, with another password, or without the right to read the log. What
// was granted before may be granted again, so a running projection waits; at a start it is a wrong configuration.
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { testCli } from '../support/cli.ts';
import { frontProxy, type Denied } from '../support/front-proxy.ts';
import { until } from '../support/until.ts';
import { anInput, QUICK, raised } from '../support/world.ts';
import { aFront } from './front.support.ts';

function aStore(port: number): EventStore {
  const store = eventStoreDb({ connectionString: `esdb://127.0.0.1:${port}?tls=false` });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

async function aLog() {
  const { port } = await aFront();
  const kernel = await openKernel({ ...scheduleProduct, store: aStore(port) });
  await raised(kernel, anInput(1, { userId: 1 }));
  const proxy = await frontProxy(port);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  return { kernel, proxy };
}

function aProjector(port: number, logger = silentLogger) {
  const output = recordingOutput();
  const state = memoryReadModelStore().open();
  const projector = openProjector({ store: aStore(port), output, state, logger, timing: QUICK });
  return { output, projector };
}

const CASES: readonly (readonly [Denied, string, string])[] = [
  ['user', 'store_login_failed', 'does not accept the user'],
  ['read of $all', 'store_access_denied', 'denies this read'],
];

describe.each(CASES)('a projection whose server denies the %s', (denies, code, reason) => {
  test('says that the store is away, and goes on once it is granted again', async () => {
    const { kernel, proxy } = await aLog();
    const { output, projector } = aProjector(proxy.port);
    const stop = new AbortController();
    const running = projector.run(stop.signal);
    await until('the first messages', () => output.messages.length === 2);
    await until('the projection to be live', () => projector.status().caughtUp);
    // The open subscription ends with another reason.
    proxy.deny(denies);
    await until('the denial, as the reason', () => {
      const { storeAway } = projector.status();
      return storeAway?.reason.includes(reason) === true;
    });
    await raised(kernel, anInput(2, { userId: 2 }));
    await until(
      'some time without the store',
      () => (projector.status().storeAway?.seconds ?? 0) > 0.2,
    );
    expect(output.messages).toHaveLength(2);
    proxy.deny(undefined);
    await until('the other messages', () => output.messages.length === 4);
    stop.abort();
    await running;
  });

  test('says so in its log while the open subscription goes on', async () => {
    const { kernel, proxy } = await aLog();
    const reasons: unknown[] = [];
    const warn = (_: object, message: string): void => void reasons.push(message);
    const { output, projector } = aProjector(proxy.port, { ...silentLogger, warn });
    const stop = new AbortController();
    const running = projector.run(stop.signal);
    await until('the projection to be live', () => projector.status().caughtUp);
    // A page after the first ones is folded once the end of the stream is compared.
    await raised(kernel, anInput(2, { userId: 2 }));
    await until('the next messages', () => output.messages.length === 4);
    proxy.deny(denies, false);
    await until('the log line', () => reasons.length > 0);
    await raised(kernel, anInput(3, { userId: 3 }));
    await until('all messages', () => output.messages.length === 6);
    expect(reasons).toEqual([expect.stringMatching(/denies new reads/u)]);
    stop.abort();
    await running;
  });

  test('refuses at its start', async () => {
    const { proxy } = await aLog();
    proxy.deny(denies);
    const { projector } = aProjector(proxy.port);
    const refusal = { kind: 'usage', code };
    await expect(projector.run(new AbortController().signal)).rejects.toMatchObject(refusal);
  });
});

test('a file of triggers of a user who may not append ends with exit 2 and its counts', async () => {
  const { proxy } = await aLog();
  proxy.deny('append');
  await using cli = testCli();
  const line = {
    user_id: 9,
    trigger_type: 'important_urgent_task',
    source: 'api_trigger',
    target_type: 'task_pool',
    target_id: 7,
    requested_at: '2026-01-01T10:00:00Z',
  };
  const store = `esdb://127.0.0.1:${proxy.port}?tls=false`;
  const options = { input: `${JSON.stringify(line)}\n` };
  const { code, document } = await cli.json(['raise', '--file', '-', '--store', store], options);
  expect(code).toBe(2);
  expect(document).toMatchObject({
    read: 1,
    unknown: 1,
    errors: [{ line: 1, code: 'access_denied' }],
  });
});
