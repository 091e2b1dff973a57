// A due process on a small log: each event sets the due time of its stream, or removes it.
import { randomUUID } from 'node:crypto';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { memoryDueIndexStore, type MemoryDueIndexStore } from '../support/due-indexes.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { DueEntry } from '../../src/kernel/processes/due/due-index.ts';
import type { DueProcessOptions, DueChange } from '../../src/kernel/processes/due/options.ts';
import { dueProcess } from '../../src/kernel/processes/due/due-process.ts';
import { virtualTime, type VirtualTime } from '../support/virtual-time.ts';
import { until } from '../support/until.ts';
import { eventsOf } from '../support/world.ts';

export type DueWorld = {
  readonly time: VirtualTime;
  readonly store: EventStore;
  readonly file: MemoryDueIndexStore;
  /** Appends the due time of a key, in milliseconds from the start; `undefined`: never. */
  readonly call: (key: string, inMs: number | undefined) => Promise<void>;
  /** Keys in the order in which they were handed over. */
  readonly handed: string[];
  /**
   * Starts a process and waits until it has caught up, or ends; by default it keeps the key and removes
   * its row.
   */
  readonly start: (more?: Partial<DueProcessOptions>) => Promise<Running>;
};

export type Running = AsyncDisposable & {
  /** Waits until the process sleeps until this many milliseconds after the start. */
  readonly sleepsUntil: (ms: number) => Promise<true>;
};

export function dueWorld(): DueWorld {
  const time = virtualTime();
  const begin = time.now();
  const store = memoryStore();
  const file = memoryDueIndexStore();
  const handed: string[] = [];

  const call: DueWorld['call'] = async (key, inMs) => {
    const events = await eventsOf(store, stream(key));
    const expected = events.at(-1)?.revision ?? 'no_stream';
    const data = inMs === undefined ? {} : { dueAt: begin + inMs };
    const event = { id: randomUUID(), type: 'Called', data, metadata: {} };
    const result = await store.append(stream(key), expected, [event]);
    if (result.outcome !== 'appended') throw new Error(result.outcome);
  };

  return {
    time,
    store,
    file,
    call,
    handed,
    async start(more = {}) {
      const indexes = file.open('log-1');
      const stop = new AbortController();
      let caughtUp = false;
      const process = dueProcess({
        name: 'calls',
        ...time,
        index: indexes.open('calls.1'),
        store,
        prefixes: ['calls-'],
        changeOf,
        handle: async (entry) => {
          handed.push(entry.key);
          await call(entry.key, undefined);
        },
        onCaughtUp: () => {
          caughtUp = true;
        },
        ...more,
      });
      const ended = process.run(stop.signal);
      await Promise.race([ended, until('it has caught up', () => caughtUp)]);
      return {
        sleepsUntil: (ms) =>
          until(`it sleeps until ${ms}`, () => time.waits().includes(begin + ms)),
        async [Symbol.asyncDispose]() {
          stop.abort();
          await ended;
          indexes[Symbol.dispose]();
        },
      };
    },
  };
}

export const stream = (key: string): string => `calls-${key}`;

export function changeOf({ stream: name, data }: RecordedEvent): DueChange {
  const key = name.slice('calls-'.length);
  const dueAt =
    typeof data === 'object' && data !== null && 'dueAt' in data ? data.dueAt : undefined;
  if (typeof dueAt !== 'number') return { remove: [key] };
  const row: DueEntry = { key, stream: name, dueAt, rank: 0 };
  return { put: [row] };
}
