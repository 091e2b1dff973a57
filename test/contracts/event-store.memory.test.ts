import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { eventStoreContract } from './event-store.suite.ts';
import { ALL_PROMISES } from './event-store.support.ts';

eventStoreContract(
  'the memory store',
  () => {
    const store = memoryStore();
    return Promise.resolve({ store, cleanup: async () => store[Symbol.asyncDispose]() });
  },
  { ...ALL_PROMISES, isDurable: false },
);
