// 'tocsin': what an application embeds. Re-exports only; docs/api.txt lists the surface, and CI compares it.
export { openTocsin } from './facade/open-tocsin.ts';
export type { Tocsin, TocsinOptions } from './facade/options.ts';
export { openKernel } from './kernel/open-kernel.ts';
export type { Kernel, KernelOptions, TriggerView } from './kernel/open-kernel.ts';
export type { Call } from './kernel/decider/decider.ts';
export type { RaiseResult } from './kernel/raise/raise-result.ts';
export { relayRaises, type RelayOptions, type RelaySummary } from './kernel/relay/relay.ts';
export type { PendingRaise, RaiseSource, SettledRaise } from './kernel/relay/raise-source.ts';
export { alwaysNotify } from './kernel/raise/prepare.ts';
export type { Policies, PolicyCall, PolicyResult, PolicyView } from './kernel/control/policies.ts';
export { formatPolicy, parsePolicy } from './domain/policy/text.ts';
export type { Policy, PolicyInput } from './domain/policy/policy.ts';
export { SEVERITIES, type Severity } from './domain/core/severity.ts';
export { defineTrigger, type TriggerDefinition } from './domain/trigger/definitions.ts';
export type { RaiseInput, RaiseRequest, Rejection } from './domain/trigger/commands.ts';
export type { Evaluator, LaterEvaluator } from './domain/ports/evaluator.ts';
export { close, notify, offer, type Evaluation, type Offer } from './domain/trigger/evaluation.ts';
export type { Previews } from './kernel/previews/previews.ts';
export type { OfferPreviewResult } from './kernel/previews/offer.ts';
export type { ConfirmResult, DismissResult, PreviewRejected } from './kernel/previews/results.ts';
export type { ConfirmInput } from './domain/preview/commands.ts';
export type { Candidate, Change } from './domain/preview/candidates.ts';
export type { PreviewView } from './domain/preview/view.ts';
export type { ApplyPreview } from './domain/ports/apply-preview.ts';
export type { ApplyOutcome, ApplyRequest } from './domain/preview/apply.ts';
export type { Texts } from './domain/notification/texts.ts';
export { openProjector, type ProjectorOptions } from './kernel/open-projector.ts';
export type { Projector, RunOptions, RunSummary } from './projections/publisher/projector.ts';
export type { ProjectorStatus } from './projections/publisher/status.ts';
export type { RecoveryMode } from './projections/publisher/context.ts';
export type { SecretVault } from './domain/ports/secret-vault.ts';
export { embeddedStore, type EmbeddedStoreOptions } from './adapters/eventstore/embedded/store.ts';
export type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  ReadAllOptions,
  ReadStreamOptions,
  StreamFilter,
  SubscribeOptions,
  SubscriptionEntry,
} from './domain/ports/event-store.ts';
export type { EventToAppend, RecordedEvent } from './domain/core/recorded-event.ts';
export { OutputError } from './projections/output.ts';
export type {
  Output,
  OutputFailure,
  OutputInfo,
  OutputMessage,
  OutputSession,
} from './projections/output.ts';
export type { ReadModel, ReadModelReader } from './projections/read-model.ts';
export { TocsinError, type ErrorKind } from './domain/core/errors.ts';
export { formatPosition, parsePosition, type Position } from './domain/core/positions.ts';
export type { Instant } from './domain/core/instants.ts';
export type { Json } from './domain/core/json.ts';
export type { Result } from './domain/core/result.ts';
export type { Clock } from './domain/ports/runtime.ts';
export { silentLogger, type Logger } from './domain/ports/logger.ts';
