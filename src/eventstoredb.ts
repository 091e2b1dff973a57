// 'tocsin/eventstoredb': the event store on EventStoreDB or KurrentDB. Re-exports only.
export { eventStoreDb } from './adapters/eventstore/esdb/store.ts';
export type { EventStoreDbOptions } from './adapters/eventstore/esdb/store.ts';
