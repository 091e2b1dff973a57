import * as runner from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { eventStoreContract } from '../../src/facade/contracts/event-store.ts';
import { ALL_PROMISES } from '../../src/facade/contracts/event-store-support.ts';

eventStoreContract(
  runner,
  'the memory store',
  () => {
    const store = memoryStore();
    return Promise.resolve({ store, cleanup: async () => store[Symbol.asyncDispose]() });
  },
  { ...ALL_PROMISES, isDurable: false },
);
