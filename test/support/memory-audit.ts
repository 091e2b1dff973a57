// The audit of an application in memory, without a read model and a stream, as the API and the console call it.
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';

export function memoryAudit(store: EventStore) {
  return {
    ...createAudit({ log: store, scratch: temporaryReadModel, state: memoryReadModel() }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
