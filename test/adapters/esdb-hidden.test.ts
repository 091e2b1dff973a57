// Metadata and tombstones on Tocsin's own streams, behind EventStoreDB's protocol: each outcome says what it is.
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect, onTestFinished, test } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { hiddenStreams } from '../../src/domain/ports/hidden-stream.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, raised } from '../support/world.ts';
import { aFront } from './front.support.ts';

async function aStore(): Promise<{ store: EventStore; client: EventStoreDBClient }> {
  const { port } = await aFront();
  const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
  const store = eventStoreDb({ connectionString });
  const client = EventStoreDBClient.connectionString(connectionString);
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    await client.dispose();
  });
  return { store, client };
}

test('the streams that metadata hide are named by their latest metadata, up to a number', async () => {
  const { store, client } = await aStore();
  const hidden = (most: number) =>
    hiddenStreams(store, 'tocsin', most, new AbortController().signal);
  expect(await hidden(5)).toEqual([]);
  await client.setStreamMetadata('tocsin.a', { maxCount: 1, truncateBefore: 2 });
  await client.setStreamMetadata('tocsin.b', { maxAge: 1 });
  await client.setStreamMetadata('tocsin.b', {});
  await client.setStreamMetadata('other.c', { maxCount: 1 });
  await client.setStreamMetadata('tocsin.d', { maxCount: 7 });
  await client.setStreamMetadata('tocsin.e', { cacheControl: 5 });
  const a = { stream: 'tocsin.a', keys: ['$maxCount 1', '$tb 2'] };
  const d = { stream: 'tocsin.d', keys: ['$maxCount 7'] };
  expect(await hidden(5)).toEqual([d, a]);
  expect(await hidden(1)).toEqual([d]);
});

test('a projector names a trigger stream whose metadata hide events, and goes on', async () => {
  const { store, client } = await aStore();
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(1));
  const stream = (await eventsOf(store)).at(-1)?.stream ?? '';
  await client.setStreamMetadata(stream, { maxCount: 1 });
  const named: unknown[] = [];
  const warn = (fields: object): void => {
    if ('keys' in fields) named.push(fields);
  };
  const output = recordingOutput();
  const projector = openProjector({
    store,
    output,
    state: memoryReadModelStore().open(),
    logger: { ...silentLogger, warn },
  });
  const stop = new AbortController();
  const running = projector.run(stop.signal);
  await until('the warning', () => named.length > 0);
  await until('the messages', () => output.messages.length === 2);
  stop.abort();
  await running;
  expect(named).toEqual([{ stream, keys: '$maxCount 1' }]);
});

test('a tombstone on the control stream refuses kernel and projector at once, and says so', async () => {
  const { store, client } = await aStore();
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(1));
  await client.tombstoneStream('tocsin.control');
  const refusal = {
    kind: 'refused',
    code: 'stream_deleted',
    message: 'cannot append to tocsin.control: it was deleted for ever',
  };
  await expect(openKernel({ ...scheduleProduct, store })).rejects.toMatchObject(refusal);
  const projector = openProjector({
    store,
    output: recordingOutput(),
    state: memoryReadModelStore().open(),
  });
  await expect(projector.run(new AbortController().signal)).rejects.toMatchObject(refusal);
});

test('a tombstone on a trigger stream rejects the raise, and says so', async () => {
  const { store, client } = await aStore();
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(1));
  await client.tombstoneStream((await eventsOf(store)).at(-1)?.stream ?? '');
  expect(await kernel.raise(anInput(1))).toMatchObject({
    outcome: 'rejected',
    code: 'stream_deleted',
    message: 'the stream was deleted for ever: it has a tombstone',
  });
});
