// 'tocsin/testing': what tests of an application that embeds Tocsin need. No test runner is assumed.
export { given, TEST_TRACE_ID, type RaiseCommand } from './kernel/testing/given-trigger.ts';
export { givenOf, type Decider, type Then, type When } from './kernel/testing/given.ts';
export { fixedClock, type FixedClock } from './kernel/testing/fixed-clock.ts';
export { memoryStore, type MemoryStoreOptions } from './adapters/eventstore/memory/store.ts';
export type { Fault, FaultScript, StoreOperation } from './adapters/eventstore/memory/faults.ts';
export {
  recordingOutput,
  type PublishFault,
  type RecordingOutput,
  type RecordingOutputOptions,
} from './adapters/memory/recording-output.ts';
export {
  memoryReadModel,
  memoryReadModelStore,
  type MemoryReadModel,
  type MemoryReadModelStore,
} from './adapters/memory/read-model.ts';
export {
  memoryRequestQueue,
  type RequestSource,
  type MemoryRequestQueue,
  type MemoryRequestQueueOptions,
} from './adapters/memory/request-queue.ts';
