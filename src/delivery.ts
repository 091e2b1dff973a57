// 'tocsin/delivery': the worker, its processes, channels and senders. Re-exports only.
export { EVALUATION_INDEX, evaluationProcess } from './kernel/processes/evaluation.ts';
export type { EvaluationOptions } from './kernel/processes/evaluation.ts';
export { EXPIRY_INDEX, expiryProcess, type ExpiryOptions } from './kernel/processes/expiry.ts';
export { systemRuntime } from './kernel/decider/runtime.ts';
export { openWorker } from './kernel/open-worker.ts';
export type { Worker, WorkerOptions, WorkerStatus } from './kernel/open-worker.ts';
export type { Process } from './kernel/processes/due/process.ts';
export type { Runtime } from './domain/ports/runtime.ts';
export type { ChannelCall, Channels } from './kernel/channels/channels.ts';
export type {
  ChannelRejected,
  ChannelResult,
  PutChannelResult,
  TestChannelResult,
  ChannelView,
} from './kernel/channels/view.ts';
export type { ChannelInput, ChannelKey, ChannelRejection } from './domain/channel/commands.ts';
export type { AddressRules, ChannelKind } from './domain/channel/address.ts';
export { sealedStore } from './kernel/sealing/sealed-store.ts';
export { channelSender, type ChannelSenderOptions } from './adapters/senders/sender.ts';
export type { PostLimits } from './adapters/senders/webhook-post.ts';
export type { Resolve } from './adapters/senders/resolve.ts';
export { deliveryProcesses, type DeliveryOptions } from './kernel/processes/delivery/processes.ts';
export {
  defineChannel,
  type ChannelSpec,
  type DeliveryChannel,
} from './kernel/processes/delivery/open-channel.ts';
export type { LocalTexts, TextsFor } from './kernel/processes/delivery/wording.ts';
export type { ChannelLimits, LimitsOf, Rate } from './kernel/processes/delivery/channel-limiter.ts';
export type {
  RequestMessage,
  RequestStream,
  RequestQueue,
  Acknowledgement,
} from './kernel/processes/delivery/request-queue.ts';
export type {
  ChannelLookup,
  ChannelReport,
  ChannelTarget,
  OutgoingMessage,
  SendOutcome,
  Sender,
} from './domain/ports/sender.ts';
export { RETRY_PROFILES, type RetryProfile } from './domain/delivery/retry-schedule.ts';
export type {
  DueCommit,
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from './kernel/processes/due/due-index.ts';
export type {
  DeliveryIndex,
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
  RedriveMark,
} from './kernel/processes/delivery/delivery-index.ts';
export type { DeliveryStatus } from './domain/delivery/effects.ts';
export { readMessageKeys } from './adapters/keys/message-keys.ts';
export { messageKey, type MessageKey, type MessageKeys } from './projections/message-signature.ts';
