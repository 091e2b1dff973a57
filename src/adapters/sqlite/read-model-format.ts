// The format of a read-model file: its tables, indexes and views. A change is a new format version and a change of
// docs/read-model.md.
import type { DatabaseSync } from 'node:sqlite';
import type { DerivedFormat } from './made-from-log.ts';
import {
  CHECKPOINT,
  CONTROL,
  MUTED_REQUESTS,
  PARKED,
  REASONS,
  RECENT_MESSAGES,
  SENT_NOTIFICATIONS,
  SUPPRESSED_KEY,
  SUPPRESSED_REQUESTS,
  VERDICT_MINUTES,
  VERDICTS,
} from './read-model-tables.ts';

/** Format 1 did not have it. A file that is upgraded counts from then on; `audit rebuild` counts all. */
const MINUTES = `
  CREATE TABLE verdict_minutes (
    ${VERDICT_MINUTES.definition}, PRIMARY KEY (minute, verdict)) WITHOUT ROWID;`;

const TABLES = `
  CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT, ${CHECKPOINT.definition});
  INSERT INTO checkpoint (one) VALUES (1);
  CREATE TABLE reasons (${REASONS.definition}, PRIMARY KEY (verdict, reason));
  CREATE TABLE suppressed_requests (
    ${SUPPRESSED_REQUESTS.definition}, PRIMARY KEY (${SUPPRESSED_KEY.join(', ')})) WITHOUT ROWID;
  ${MINUTES}
  ${[SENT_NOTIFICATIONS, MUTED_REQUESTS, VERDICTS, RECENT_MESSAGES, PARKED, CONTROL]
    .map(({ name, definition }) => `CREATE TABLE ${name} (${definition});`)
    .join('\n')}
`;

// The instant comes last, so that one user's notifications of a type within a span of time are a range of the index.
// Nothing indexes the random ids: at ten million rows every insert would touch a page of its own. The last two serve
// `audit explain`; the start of a message id is rare enough.
const INDEXES = `
  CREATE INDEX sent_notifications_by_requested
    ON sent_notifications (user, trigger_type, mock, requested_at);
  CREATE INDEX verdicts_by_position ON verdicts (position_commit, position_prepare);
  CREATE UNIQUE INDEX verdicts_parked ON verdicts (event) WHERE verdict = 'parked';
  CREATE INDEX verdicts_by_user ON verdicts (user, window_start);
  CREATE INDEX verdicts_by_message ON verdicts (substr(message_id, 1, 8)) WHERE message_id IS NOT NULL;
`;

/** Made when a policy needs them for the first time: an index costs something with every notification. */
export const LATER_INDEXES = {
  recorded: `
    CREATE INDEX IF NOT EXISTS sent_notifications_by_recorded
      ON sent_notifications (user, trigger_type, mock, recorded_at)`,
  targetRequested: `
    CREATE INDEX IF NOT EXISTS sent_notifications_by_target_requested
      ON sent_notifications (user, trigger_type, mock, target_type, target_id, requested_at)`,
  targetRecorded: `
    CREATE INDEX IF NOT EXISTS sent_notifications_by_target_recorded
      ON sent_notifications (user, trigger_type, mock, target_type, target_id, recorded_at)`,
};

const rfc3339 = (column: string): string =>
  `strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch') AS ${column}`;

const VIEWS = `
  CREATE VIEW sent_notifications_view AS SELECT
    id, mock, user, trigger_type, target_type, target_id,
    ${rfc3339('window_start')}, per,
    suppressed_since_count, ${rfc3339('suppressed_since_first_at')}, ${rfc3339('requested_at')}, ${rfc3339('recorded_at')},
    severity, bypass, released, releases, ${rfc3339('held_at')}
  FROM sent_notifications;
  CREATE VIEW verdicts_view AS SELECT
    event, position_commit || '/' || position_prepare AS position, stream, revision, ruleset,
    user, trigger_type, ${rfc3339('window_start')}, verdict, reason, basis, message_id, sequence
  FROM verdicts;
  CREATE VIEW recent_messages_view AS SELECT
    sequence, ordinal, id, rule, ruleset, source, stream, revision,
    position_commit || '/' || position_prepare AS position, ${rfc3339('recorded_at')}, digest
  FROM recent_messages;
`;

/** Empties every table, inside the caller's transaction. The owner stays. */
export const FORGET = `
  ${[
    SENT_NOTIFICATIONS,
    SUPPRESSED_REQUESTS,
    MUTED_REQUESTS,
    VERDICTS,
    REASONS,
    VERDICT_MINUTES,
    RECENT_MESSAGES,
    PARKED,
    CONTROL,
  ]
    .map(({ name }) => `DELETE FROM ${name};`)
    .join('\n')}
  UPDATE checkpoint SET ${CHECKPOINT.columns.map((column) => `${column} = NULL`).join(', ')};
`;

export const READ_MODEL_FORMAT: DerivedFormat = {
  applicationId: 0x54_63_72_6d, // "Tcrm"
  version: 2,
  what: 'a Tocsin read model',
  codes: {
    inUse: 'read_model_in_use',
    closed: 'read_model_closed',
    full: 'state_full',
    unwritable: 'state_unwritable',
    rejected: 'state_rejected',
  },
  inUseHint:
    'Stop one of the two, or give the standby a read model of its own: --state with another file.',
  create(db: DatabaseSync) {
    db.exec(`${TABLES} ${INDEXES} ${VIEWS}`);
  },
  upgrade(db: DatabaseSync) {
    db.exec(MINUTES);
  },
};
