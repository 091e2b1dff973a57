import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { eventStoreContract } from './event-store.suite.ts';

eventStoreContract(
  'the memory store',
  () => {
    const store = memoryStore();
    return Promise.resolve({ store, cleanup: async () => store[Symbol.asyncDispose]() });
  },
  { isDurable: false },
);
