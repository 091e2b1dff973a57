// 'tocsin/audit': the same answers again, from the log alone: replay to export. Re-exports only.
export { createAudit } from './kernel/create-audit.ts';
export type {
  Audit,
  AuditExportOptions,
  AuditOptions,
  AuditSimulateOptions,
  AuditTotals,
} from './kernel/create-audit.ts';
export type {
  Difference,
  Replacement,
  SideFigures,
  Silence,
  SimulateOptions,
  SimulatedVerdict,
  SimulationResult,
  SimulationState,
} from './projections/audit/simulate/simulate.ts';
export type { SentCompared, SentFigures } from './projections/audit/simulate/simulate-sent.ts';
export type { RebuildOptions, RebuildResult } from './projections/audit/rebuild/rebuild.ts';
export { replay } from './projections/audit/replay/replay.ts';
export type {
  ReplayFilter,
  ReplayOptions,
  ReplayResult,
} from './projections/audit/replay/replay.ts';
export type { Bound } from './projections/audit/reading/reading.ts';
export type {
  MessageReader,
  ReadModelView,
  ReadableLog,
  SchemaFault,
  SentHistory,
  NumberedVerdict,
  VerdictLookup,
  VerdictPages,
  VerdictPlace,
} from './projections/audit/reading/ports.ts';
export type { VerifyOptions, VerifyResult } from './projections/audit/verify/verify.ts';
export type { Mismatch, MismatchCode } from './projections/audit/verify/mismatches.ts';
export type { AsOf, Explanation } from './projections/audit/explain/explain.ts';
export type {
  DecisionView,
  RequestView,
  SentNotificationView,
  SuppressedView,
} from './projections/audit/explain/decision.ts';
export type { UserExplanation } from './projections/audit/explain/explain-user.ts';
export type {
  ListedRequest,
  RequestFilter,
  RequestPage,
  RequestQuery,
} from './projections/audit/history/requests.ts';
export type { StoryLine } from './projections/audit/explain/lines.ts';
export type { ExportOptions } from './projections/audit/export/export.ts';
export type {
  Comparison,
  ComparisonCode,
  ComparisonDifference,
} from './projections/audit/export/compare-export.ts';
export type { ExportFilter, Manifest } from './projections/audit/export/format.ts';
export type {
  ExportFault,
  ExportFaultCode,
  ExportReport,
} from './projections/audit/export/verify-export.ts';
export type { ConsistencyProof, Proof } from './projections/audit/proof/format.ts';
export type { ConsistencyOptions, ProveOptions } from './projections/audit/proof/prove.ts';
export { verifyProof } from './projections/audit/proof/verify-proof.ts';
export type {
  ProofFault,
  ProofReport,
  ProvenEvent,
} from './projections/audit/proof/verify-proof.ts';
export type { HeadWitness } from './projections/audit/verify/head-check.ts';
export type { HeadSigner, TreeHead } from './projections/notary/head.ts';
export type { PublishedKeys } from './projections/notary/keys.ts';
export type { HeadOutput, LeavesBetween } from './projections/notary/notary.ts';
export type { NotaryRecord, NotaryState } from './projections/notary/state.ts';
export { openNotary, type Notary, type NotaryOptions } from './kernel/open-notary.ts';
export { headsFile } from './adapters/notary/heads-file.ts';
export { headsWebhook } from './adapters/notary/heads-webhook.ts';
export { readHeads, type KeptHeads } from './adapters/notary/read-heads.ts';
export {
  ensureNotaryKey,
  makeNotaryKey,
  readNotaryKey,
  rotateNotaryKey,
  type NotaryKey,
} from './adapters/notary/key-file.ts';
export { openNotaryRecord, sqliteNotaryState } from './adapters/sqlite/notary-state.ts';
export { archiveFile, archiveSource } from './adapters/archive/archive-file.ts';
export { archiveLog, type ArchiveParts } from './kernel/archive/archive-log.ts';
export type { ArchiveFile, ArchiveOptions, ArchiveResult } from './kernel/archive/archive.ts';
export type { ArchiveSource } from './projections/archive/format.ts';
export type { FileSpace, StreamEnd, StreamRemover } from './domain/ports/stream-remover.ts';
export { embeddedReader, type EmbeddedReader } from './adapters/eventstore/embedded/store.ts';
