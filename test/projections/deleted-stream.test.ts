// A stream is deleted under those who follow the log: its events stay in the log until the server takes
// them away, so every verdict stays, and whoever followed it goes on, also from a state that ends with it.
import { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { follow } from '../../src/kernel/processes/due/follow.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { memoryReadModel, memoryReadModelStore, recordingOutput } from '../../src/testing.ts';
import { aFront } from '../adapters/front.support.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, QUICK, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

async function served() {
  const { url } = await aFront();
  const store = eventStoreDb({ connectionString: url });
  const client = EventStoreDBClient.connectionString(url);
  const kernel = await openKernel({ ...scheduleProduct, store });
  onTestFinished(async () => {
    await client.dispose();
    await kernel.close();
    await store[Symbol.asyncDispose]();
  });
  const output = recordingOutput();
  const file = memoryReadModelStore();
  return {
    store,
    kernel,
    output,
    file,
    projector: () => openProjector({ store, output, timing: QUICK, state: file.open() }),
    /** Deletes the last trigger's stream, for ever. */
    deleteLast: async (): Promise<string> => {
      const streams = (await eventsOf(store)).map((event) => event.stream);
      const stream = streams.findLast((name) => name.startsWith('tocsin.trigger-')) ?? '';
      await client.tombstoneStream(stream);
      return stream;
    },
  };
}

describe('deleted stream', () => {
  it('keeps its verdicts under a running projector, which decides later events', async () => {
    const { store, kernel, output, file, projector, deleteLast } = await served();
    await raised(kernel, anInput(1, { userId: 1 }));
    const running = projector();
    const stop = new AbortController();
    const run = running.run(stop.signal);
    await until('the first are out', () => output.messages.length === 2);
    const stream = await deleteLast();
    await raised(kernel, anInput(2, { userId: 2 }));
    await until('the next are out', () => output.messages.length === 4);
    stop.abort();
    await run;
    expect(storedList(output)).toEqual(await decidedList(store));
    const replayed = memoryReadModel();
    await replay(store, replayed, 'tocsin');
    expect(replayed.snapshot().sentNotifications).toEqual(file.snapshot().sentNotifications);
    expect(await store.append(stream, 'no_stream', [])).toMatchObject({
      reason: 'stream_deleted',
    });
    await using other = await openKernel({ ...scheduleProduct, store });
    expect(await other.raise(anInput(1, { userId: 1 }))).toMatchObject({
      outcome: 'rejected',
      code: 'stream_deleted',
    });
  });

  it('sends nothing again when it held the last projected event', async () => {
    const { store, kernel, output, file, projector, deleteLast } = await served();
    await raised(kernel, anInput(1, { userId: 1 }));
    await projector().once();
    await raised(kernel, anInput(3, { userId: 3 }));
    await projector().once();
    expect(file.snapshot().checkpoint?.lastEvent?.stream).toBe(await deleteLast());
    await raised(kernel, anInput(2, { userId: 2 }));
    expect(await projector().once()).toMatchObject({ triggered: 1, published: 1 });
    expect(storedList(output)).toEqual(await decidedList(store));
  });

  it('lets a due index continue that has read its last event', async () => {
    const { store, kernel, deleteLast } = await served();
    await raised(kernel, anInput(1, { userId: 1 }));
    const index = memoryDueIndexStore().open(kernel.storeId).open('test');
    const seen: string[] = [];
    const followed = async (count: number): Promise<void> => {
      const stop = new AbortController();
      const changeOf = ({ type }: { readonly type: string }) => {
        seen.push(type);
        return undefined;
      };
      const observer = { rowsChanged: () => undefined, caughtUp: () => undefined };
      const options = { index, store, prefixes: ['tocsin.trigger-'], changeOf };
      const run = follow(options, stop.signal, observer);
      await Promise.race([run, until('it has seen them', () => seen.length >= count)]);
      stop.abort();
      await run;
    };
    await followed(3);
    await deleteLast();
    await followed(4);
    expect(seen).toEqual([
      'TriggerRaised',
      'PreviewOffered',
      'NotificationRequested',
      '$streamDeleted',
    ]);
  });
});
