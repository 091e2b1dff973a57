// 'tocsin/testing': what tests of an application that embeds Tocsin need. No test runner is assumed.
export {
  given,
  raise,
  raised,
  TEST_NOW,
  TEST_TRACE_ID,
  type RaiseCommand,
  type RaiseOptions,
  type ThenRaised,
} from './kernel/testing/given-trigger.ts';
export { givenOf, type Decider, type Then, type When } from './kernel/testing/given.ts';
export { fixedClock, type FixedClock } from './kernel/testing/fixed-clock.ts';
export { memoryStore, type MemoryStoreOptions } from './adapters/eventstore/memory/store.ts';
export type { Fault, FaultScript, StoreOperation } from './adapters/eventstore/memory/faults.ts';
export { recordingOutput } from './adapters/memory/recording-output.ts';
export type {
  PublishFault,
  RecordingOutput,
  RecordingOutputOptions,
} from './adapters/memory/recording-output.ts';
export { memoryReadModel, memoryReadModelStore } from './adapters/memory/read-model.ts';
export type { MemoryReadModel, MemoryReadModelStore } from './adapters/memory/read-model.ts';
export { memoryRequestQueue } from './adapters/memory/request-queue.ts';
export type {
  RequestSource,
  MemoryRequestQueue,
  MemoryRequestQueueOptions,
} from './adapters/memory/request-queue.ts';
export {
  inMemoryTocsin,
  type InMemoryOptions,
  type InMemoryTocsin,
  type SentMessage,
} from './facade/in-memory.ts';
export {
  ALL_PROMISES,
  PROMISES_OF_SERVERS,
  type StoreFixture,
  type StorePromises,
} from './facade/contracts/event-store-support.ts';
export { eventStoreContract } from './facade/contracts/event-store.ts';
export { outputContract, type OutputHarness } from './facade/contracts/output.ts';
export {
  requestQueueContract,
  type RequestQueueHarness,
} from './facade/contracts/request-queue.ts';
export type { ContractRunner } from './facade/contracts/runner.ts';
