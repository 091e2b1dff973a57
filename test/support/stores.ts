// The two event stores of the product, for suites that have to hold on both: the embedded one, and
// EventStoreDB's protocol through the official client.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';

export type OpenedStore = AsyncDisposable & { readonly store: EventStore };

async function embedded(): Promise<OpenedStore> {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-suite-'));
  const store = await embeddedStore({ file: join(directory, 'events.db') });
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

async function throughTheFront(): Promise<OpenedStore> {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-suite-'));
  const front = await createFront({ file: join(directory, 'events.db') });
  const store = eventStoreDb({ connectionString: front.url });
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await front.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Both stores, by the name that tests show. */
export const BOTH_STORES: readonly (readonly [string, () => Promise<OpenedStore>])[] = [
  ['the embedded store', embedded],
  ['EventStoreDB', throughTheFront],
];
