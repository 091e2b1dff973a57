// `doctor` on a log whose streams others have hidden or deleted: it names the stream, and speaks of no shorter log.
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { aFront } from '../adapters/front.support.ts';
import { testCli } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';

const Checks = z.object({
  checks: z.array(z.object({ name: z.string(), status: z.string() }).loose()),
});

test(
  'doctor names what hides events of a log that is projected, and not a shorter log',
  { timeout: SLOW_TEST_MS },
  async () => {
    const { port } = await aFront();
    const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
    const store = eventStoreDb({ connectionString });
    const client = EventStoreDBClient.connectionString(connectionString);
    const nats = await testNatsServer();
    const cli = testCli();
    onTestFinished(async () => {
      await cli[Symbol.asyncDispose]();
      await client.dispose();
      await store[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    });
    const options = ['--store', connectionString, '--nats', nats.url];
    const failures = async () => {
      const { document } = await cli.call(['doctor', ...options]);
      const { checks } = Checks.parse(document);
      const failed = checks.filter(({ status }) => status === 'failed');
      return Object.fromEntries(failed.map(({ name, code }) => [name, code]));
    };
    const kernel = await openKernel({ ...scheduleProduct, store });
    await raised(kernel, anInput(1));
    expect(await cli.call(['project', '--once', ...options])).toMatchObject({ code: 0 });
    expect(await failures()).toEqual({});

    await client.setStreamMetadata('tocsin.control', { truncateBefore: 99 });
    expect(await failures()).toEqual({ metadata: 'stream_hidden', log: 'stream_hidden' });
    await client.setStreamMetadata('tocsin.control', {});

    const stream = (await eventsOf(store)).find(({ type }) => type === 'TriggerRaised')?.stream;
    await client.deleteStream(stream ?? '');
    await raised(kernel, anInput(1));
    const hidden = { metadata: 'stream_hidden', output: 'stream_hidden' };
    expect(await failures()).toMatchObject(hidden);

    await client.tombstoneStream('tocsin.control');
    expect(await failures()).toEqual({ metadata: 'stream_hidden', append: 'stream_deleted' });
  },
);
