import * as runner from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreContract } from '../../src/facade/contracts/event-store.ts';

eventStoreContract(runner, 'the embedded store', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-store-'));
  const file = join(directory, 'events.db');
  let store = await embeddedStore({ file });
  return {
    store,
    async reopen() {
      await store[Symbol.asyncDispose]();
      store = await embeddedStore({ file });
      return store;
    },
    async cleanup() {
      await store[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
});
