// A worker's stop, while its store does not answer.
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { dueProcess } from '../../src/kernel/processes/due/due-process.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { silentReads } from '../support/silent-reads.ts';
import { until } from '../support/until.ts';
import { virtualTime } from '../support/virtual-time.ts';

describe('openWorker', () => {
  test('stops at once when the store does not answer the check of the index', async () => {
    const { store, silence, waiting } = silentReads(memoryStore());
    const index = memoryDueIndexStore().open('log-1').open('calls.1');
    const position = { commit: 1n, prepare: 1n };
    const lastEvent = { id: crypto.randomUUID(), stream: 'calls-1', revision: 0n };
    index.commit({ position, lastEvent, put: [], remove: [] });
    const process = dueProcess({
      name: 'calls',
      ...virtualTime(),
      index,
      store,
      prefixes: ['calls-'],
      changeOf: () => undefined,
      handle: () => Promise.resolve(),
    });
    silence();
    const stop = new AbortController();
    const running = openWorker({ processes: [process] }).run(stop.signal);
    await until('the check waits for the store', () => waiting() > 0);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  test('leaves behind a process that does not end in time', async () => {
    const stuck = { name: 'stuck', run: () => new Promise<never>(() => undefined) };
    const worker = openWorker({ processes: [stuck], stopWithinMs: 20 });
    const stop = new AbortController();
    const running = worker.run(stop.signal);
    stop.abort();
    await running;
    expect(worker.status()).toMatchObject({
      running: ['stuck'],
      processes: [{ name: 'stuck', state: 'running' }],
      failure: undefined,
    });
  });

  test('throws the failure of a process although another one does not end in time', async () => {
    const stuck = { name: 'stuck', run: () => new Promise<never>(() => undefined) };
    const failing = { name: 'failing', run: () => Promise.reject(new Error('it broke')) };
    const worker = openWorker({ processes: [stuck, failing], stopWithinMs: 20 });
    await expect(worker.run(new AbortController().signal)).rejects.toThrow('it broke');
  });
});
