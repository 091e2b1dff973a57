// 'tocsin': what an application embeds. Re-exports only; docs/api.txt holds the surface, and CI compares.

// The kernel: commands in, events out.
export { openKernel } from './kernel/open-kernel.ts';
export type { Kernel, KernelOptions, TriggerView } from './kernel/open-kernel.ts';
export type { Call } from './kernel/raise/raise.ts';
export type { RaiseResult } from './kernel/raise/raise-result.ts';
export { relayRaises } from './kernel/relay/relay.ts';
export type { RelayOptions, RelaySummary } from './kernel/relay/relay.ts';
export type { PendingRaise, RaiseSource, SettledRaise } from './kernel/relay/raise-source.ts';
export { alwaysNotify } from './kernel/raise/evaluators.ts';
export type {
  Policies,
  PolicyCall,
  PolicyHistoryEntry,
  PolicyResult,
  PolicyView,
} from './kernel/control/policies.ts';
export type { PolicyRejection } from './domain/control/policies.ts';
export type { PolicyEvent } from './domain/policy/in-force.ts';
export { formatPolicy, parsePolicy } from './domain/policy/text.ts';
export type { Axis, Policy, PolicyInput } from './domain/policy/policy.ts';
export { SEVERITIES, type Severity } from './domain/trigger/severity.ts';
export { defineTrigger } from './domain/trigger/definitions.ts';
export type { TriggerDefinition } from './domain/trigger/definitions.ts';
export type { Issue, RaiseInput, RaiseRequest, Rejection } from './domain/trigger/commands.ts';
export type { Occurrence } from './domain/trigger/state.ts';
export type { Evaluation, Evaluator, LaterEvaluator, Offer } from './domain/ports/evaluator.ts';
export type { Previews } from './kernel/previews/previews.ts';
export type { OfferPreviewResult } from './kernel/previews/offer.ts';
export type { ConfirmResult, DismissResult, PreviewRejected } from './kernel/previews/results.ts';
export type { ConfirmInput } from './domain/preview/commands.ts';
export type { Candidate, Change } from './domain/preview/candidates.ts';
export type { PreviewStatus, PreviewView } from './domain/preview/view.ts';
export type { ApplyOutcome, ApplyPreview, ApplyRequest } from './domain/ports/apply-preview.ts';
export { TEXTS } from './domain/texts.ts';
export type { Texts } from './domain/texts.ts';

// The projector: events in log order to messages and verdicts.
export { openProjector } from './kernel/open-projector.ts';
export type { ProjectorOptions } from './kernel/open-projector.ts';
export type {
  OnceOptions,
  Projector,
  RunOptions,
  RunSummary,
} from './projections/publisher/projector.ts';
export type { ProjectorStatus } from './projections/publisher/status.ts';
export type { Role } from './projections/publisher/publisher.ts';
export type { Timing, RecoveryMode } from './projections/publisher/context.ts';
export { observeProjector } from './adapters/telemetry/instruments.ts';

// What a worker runs besides.
export { EVALUATION_INDEX, evaluationProcess } from './kernel/processes/evaluation.ts';
export type { EvaluationOptions } from './kernel/processes/evaluation.ts';
export { EXPIRY_INDEX, expiryProcess } from './kernel/processes/expiry.ts';
export type { ExpiryOptions } from './kernel/processes/expiry.ts';
export { taskEvaluator } from './schedule/evaluation/task-evaluator.ts';
export type { TaskEvaluator, TaskEvaluatorOptions } from './schedule/evaluation/task-evaluator.ts';
export { DEFAULT_SLOT_TABLE } from './schedule/evaluation/slots.ts';
export type { SlotTable } from './schedule/evaluation/slots.ts';
// From a task to its trigger: what becomes due, and what is then raised.
export { scannerProcess, DUE_JOB_INDEX } from './schedule/scanner.ts';
export type { ScannerOptions } from './schedule/scanner.ts';
export { taskFollowerProcess } from './schedule/task-follower.ts';
export type { TaskFollowerOptions } from './schedule/task-follower.ts';
export { systemRuntime } from './kernel/decider/runtime.ts';
export { BUILT_IN_DETECTORS } from './schedule/detectors/built-in.ts';
export { urgentTask } from './schedule/detectors/urgent-task.ts';
export { endedBlock } from './schedule/detectors/ended-block.ts';
export type {
  DetectedTrigger,
  Detector,
  Look,
  LookContext,
} from './schedule/detectors/detector.ts';
export type { Finding, Recheck, Watch } from './schedule/due-job/commands.ts';
export type { Subject } from './schedule/due-job/stream.ts';
export { openTaskFiles } from './schedule/tasks/files/files.ts';
export type { Reading, TaskFiles, TaskFilesOptions } from './schedule/tasks/files/files.ts';
export type { Problem } from './schedule/tasks/problems.ts';
export type { ScheduledBlock, Task, TaskChange, TaskSource } from './schedule/tasks/task-source.ts';

// The worker: what goes on behind the raises.
export { openWorker } from './kernel/open-worker.ts';
export type { Worker, WorkerOptions, WorkerStatus } from './kernel/open-worker.ts';
export type { Process } from './kernel/processes/due/process.ts';
export type { Runtime } from './kernel/processes/due/options.ts';

// Channels: where a user's notifications go, and the vault with their secrets.
export type { ChannelCall, Channels } from './kernel/channels/channels.ts';
export type {
  ChannelRejected,
  ChannelResult,
  PutChannelResult,
  TestChannelResult,
} from './kernel/channels/results.ts';
export type { ChannelView } from './kernel/channels/view.ts';
export type { ChannelInput, ChannelKey, ChannelRejection } from './domain/channel/commands.ts';
export type { AddressRules, ChannelKind } from './domain/channel/address.ts';
export type { SecretVault } from './domain/ports/secret-vault.ts';
export { sealedStore } from './kernel/sealing/sealed-store.ts';
export { channelSender } from './adapters/senders/sender.ts';
export type { ChannelSenderOptions } from './adapters/senders/sender.ts';
export type { PostLimits } from './adapters/senders/post.ts';
export type { Resolve } from './adapters/senders/resolve.ts';
export { sqliteVault } from './adapters/sqlite/vault/sqlite-vault.ts';
export type { SqliteVault, SqliteVaultOptions } from './adapters/sqlite/vault/sqlite-vault.ts';
export { createVaultKeyFile, parseVaultKeys, readVaultKeys } from './adapters/sqlite/vault/keys.ts';
export type { VaultKey, VaultKeys } from './adapters/sqlite/vault/keys.ts';

// Delivery: from a notification that was let through to a person.
export { deliveryProcesses } from './kernel/processes/delivery/processes.ts';
export type { DeliveryOptions } from './kernel/processes/delivery/processes.ts';
export type { ChannelReport } from './kernel/processes/delivery/attempt.ts';
export type { ChannelLimits, LimitsOf, Rate } from './kernel/processes/delivery/limits.ts';
export { jetStreamInbox } from './adapters/nats/inbox.ts';
export type { JetStreamInboxOptions } from './adapters/nats/inbox.ts';
export type {
  InboxMessage,
  InboxStream,
  RequestQueue,
  Settlement,
} from './kernel/processes/delivery/request-queue.ts';
export type {
  ChannelLookup,
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from './domain/ports/sender.ts';
export { RETRY_PROFILES } from './domain/delivery/retry-schedule.ts';
export type { RetryProfile } from './domain/delivery/retry-schedule.ts';
export { sqliteDueIndexes } from './adapters/sqlite/due-index.ts';
export type { SqliteIndexOptions } from './adapters/sqlite/index-file.ts';
export type {
  DueCommit,
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from './kernel/processes/due/due-index.ts';
export { openDeliveryIndexReader, sqliteDeliveryIndex } from './adapters/sqlite/delivery-index.ts';
export type {
  DeliveryIndex,
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
  Mark,
} from './kernel/processes/delivery/delivery-index.ts';
export type { DeliveryStatus } from './domain/delivery/state.ts';

// The audit: the same answers again, from the log alone.
export { createAudit } from './kernel/create-audit.ts';
export type {
  Audit,
  AuditExportOptions,
  AuditOptions,
  AuditSimulateOptions,
} from './kernel/create-audit.ts';
export type {
  Difference,
  Replacement,
  SideFigures,
  Silence,
  SimulatedVerdict,
  SimulateOptions,
  SimulationResult,
  SimulationState,
} from './projections/audit/simulate/simulate.ts';
export type {
  SentFigures,
  SentHistory,
  SentCompared,
} from './projections/audit/simulate/simulate-notices.ts';
export type { RebuildOptions, RebuildResult } from './projections/audit/rebuild/rebuild.ts';
export { replay } from './projections/audit/replay/replay.ts';
export type {
  ReplayFilter,
  ReplayOptions,
  ReplayResult,
} from './projections/audit/replay/replay.ts';
export type { Bound } from './projections/audit/reading/events.ts';
export type {
  MessageReader,
  ReadableLog,
  ReadModelView,
  VerdictLookup,
} from './projections/audit/reading/ports.ts';
export type { VerifyOptions, VerifyResult } from './projections/audit/verify/verify.ts';
export type { Mismatch, MismatchCode } from './projections/audit/verify/mismatches.ts';
export type {
  AsOf,
  DecisionView,
  Explanation,
  SentNotificationView,
  SuppressedView,
} from './projections/audit/explain/explain.ts';
export type { RequestView, UserExplanation } from './projections/audit/explain/explain-user.ts';
export type { StoryLine } from './projections/audit/explain/lines.ts';
export type { ExportOptions } from './projections/audit/export/export.ts';
export type { ExportFilter, Manifest } from './projections/audit/export/format.ts';
export type {
  ExportFault,
  ExportFaultCode,
  ExportReport,
} from './projections/audit/export/verify-export.ts';

// Where events are stored.
export { embeddedReader, embeddedStore } from './adapters/eventstore/embedded/store.ts';
export type { EmbeddedReader, EmbeddedStoreOptions } from './adapters/eventstore/embedded/store.ts';
export { eventStoreDb } from './adapters/eventstore/esdb/store.ts';
export type { EventStoreDbOptions } from './adapters/eventstore/esdb/store.ts';
export type {
  AppendRefusal,
  AppendResult,
  EventStore,
  EventToAppend,
  ExpectedRevision,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
  StreamFilter,
  SubscribeOptions,
  SubscriptionEntry,
  Unreadable,
} from './domain/ports/event-store.ts';

// Where messages go.
export { jetStreamOutput } from './adapters/nats/output.ts';
export { jetStreamReader } from './adapters/nats/reader.ts';
export type { JetStreamOutputOptions } from './adapters/nats/output.ts';
export type { NatsConnectionOptions, NatsCredentials, NatsTls } from './adapters/nats/options.ts';
export { OutputError } from './projections/ports.ts';
export type {
  Output,
  OutputFailure,
  OutputInfo,
  OutputMessage,
  OutputSession,
  StoredMessage,
} from './projections/ports.ts';

// Where verdicts are kept.
export {
  openReadModelReader,
  sqliteReadModel,
  temporaryReadModel,
} from './adapters/sqlite/read-model.ts';
export type {
  SqliteReadModel,
  SqliteReadModelOptions,
  SqliteReadModelReader,
} from './adapters/sqlite/read-model.ts';
export { replaceReadModel } from './adapters/sqlite/replace.ts';
export type { ReadModelTables } from './adapters/sqlite/read-model-tables.ts';
export type {
  Checkpoint,
  ControlRow,
  Counts,
  EventRef,
  SentNotification,
  SentNotificationRange,
  SentNotificationRef,
  NotificationSubject,
  ParkedRow,
  ReadModel,
  ReadModelCommit,
  ReadModelReader,
  RecentMessageRow,
  VerdictRow,
} from './projections/ports.ts';

// Words that all of the above are made of.
export { TocsinError } from './domain/core/errors.ts';
export type { ErrorKind } from './domain/core/errors.ts';
export { formatPosition, parsePosition } from './domain/core/positions.ts';
export type { Position } from './domain/core/positions.ts';
export type { TargetId, UserId } from './domain/core/identity.ts';
export type { Instant } from './domain/core/instants.ts';
export type { Json, JsonObject } from './domain/core/json.ts';
export type { Result } from './domain/core/result.ts';
export type { Clock } from './domain/ports/clock.ts';
export { silentLogger } from './domain/ports/logger.ts';
export type { Logger } from './domain/ports/logger.ts';
