// 'tocsin/eventstoredb': the event store on EventStoreDB or KurrentDB. Re-exports only.
export { eventStoreDb, type EventStoreDbOptions } from './adapters/eventstore/esdb/store.ts';
