// A read model in memory, for tests: the SQLite read model without a file. It is not for long logs.
import type { ReadModelTables } from '../../projections/audit/reading/ports.ts';
import type {
  Checkpoint,
  ControlRow,
  MutedRequest,
  ParkedRow,
  RecentMessageRow,
  SentNotification,
  SuppressedRequests,
  VerdictMinute,
  VerdictRow,
} from '../../projections/read-model.ts';
import { sharedFile, temporaryFile } from '../sqlite/made-from-log.ts';
import { readModelOn, type SqliteReadModel } from '../sqlite/read-model.ts';
import { READ_MODEL_FORMAT } from '../sqlite/read-model-format.ts';

/** A read model that can show all it holds. */
export type MemoryReadModel = SqliteReadModel & { readonly snapshot: () => ReadModelSnapshot };

/** What outlives an owner, as a file does. */
export type MemoryReadModelStore = {
  /**
   * A read model on this store. It takes over at once, like a process that starts after another was
   * killed: from then on every commit of an earlier one is refused.
   */
  readonly open: () => MemoryReadModel;
  /** Everything committed so far, without owning it. */
  readonly snapshot: () => ReadModelSnapshot;
};

/** Everything that a read model holds. Two that are equal in this are the same. */
export type ReadModelSnapshot = {
  readonly checkpoint: Checkpoint | undefined;
  readonly sentNotifications: readonly SentNotification[];
  readonly suppressedRequests: readonly SuppressedRequests[];
  readonly mutedRequests: readonly MutedRequest[];
  readonly verdicts: readonly VerdictRow[];
  readonly recentMessages: readonly RecentMessageRow[];
  readonly parked: readonly ParkedRow[];
  readonly reasons: ReadonlyMap<string, number>;
  readonly verdictMinutes: readonly VerdictMinute[];
  readonly control: readonly ControlRow[];
};

/** A store for read models in memory, to open again and again. */
export function memoryReadModelStore(): MemoryReadModelStore {
  const file = temporaryFile(':memory:', 'the read model in memory', READ_MODEL_FORMAT);
  const reader = readModelOn(sharedFile(file), 'nobody');
  const snapshot = (): ReadModelSnapshot => snapshotOf(reader);
  return { snapshot, open: () => ({ ...readModelOn(sharedFile(file), 'a test'), snapshot }) };
}

/** A read model in memory that nobody shares. */
export function memoryReadModel(): MemoryReadModel {
  return memoryReadModelStore().open();
}

/** Reads everything into memory: to show that two read models are the same. */
export function snapshotOf(tables: ReadModelTables): ReadModelSnapshot {
  return {
    checkpoint: tables.checkpoint(),
    sentNotifications: [...tables.sentNotifications()],
    suppressedRequests: [...tables.suppressedRequests()],
    mutedRequests: [...tables.mutedRequests()],
    verdicts: [...tables.verdicts()],
    recentMessages: tables.recentMessagesAfter(-1n),
    parked: tables.parked(),
    reasons: tables.reasons(),
    verdictMinutes: tables.verdictMinutes(-Infinity, Infinity),
    control: tables.controlRows(),
  };
}
