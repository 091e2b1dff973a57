// 'tocsin/sqlite': the read model, the indexes and the vault, each in a SQLite file. Re-exports only.
export { sqliteVault } from './adapters/sqlite/vault/sqlite-vault.ts';
export type { SqliteVault, SqliteVaultOptions } from './adapters/sqlite/vault/sqlite-vault.ts';
export { parseVaultKeys, readVaultKeys } from './adapters/sqlite/vault/keys.ts';
export { createKeyFile } from './adapters/keys/key-file.ts';
export type { VaultKey, VaultKeys } from './adapters/sqlite/vault/keys.ts';
export { sqliteDueIndexes } from './adapters/sqlite/due-index.ts';
export type { SqliteIndexOptions } from './adapters/sqlite/index-file.ts';
export { openDeliveryIndexReader, sqliteDeliveryIndex } from './adapters/sqlite/delivery-index.ts';
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
export { sqliteInbox } from './adapters/sqlite/messages/inbox.ts';
export {
  sqliteMessageReader,
  sqliteOutput,
  type SqliteMessagesOptions,
} from './adapters/sqlite/messages/output.ts';
export { replaceReadModel } from './adapters/sqlite/replace.ts';
export type { ReadModelTables } from './projections/audit/reading/ports.ts';
export type {
  Checkpoint,
  ControlRow,
  Counts,
  EventRef,
  NotificationSubject,
  ParkedRow,
  ReadModelCommit,
  RecentMessageRow,
  SentNotification,
  SentNotificationRange,
  SentNotificationRef,
  VerdictRow,
} from './projections/read-model.ts';
