// The tables of a read-model file. They are documented in docs/read-model.md and people query them
// while the daemon runs: a change here is a new format version and a line in that document.
import type { DatabaseSync } from 'node:sqlite';
import type { SqliteFormat } from './open.ts';

// 64-bit numbers (positions, revisions, sequences, ordinals) are INTEGER: every store counts them
// below 2^63, and as text they would not sort. Instants are INTEGER milliseconds. The tables are not
// STRICT, because the sqlite3 shells of long-lived distributions could not open the file then.
const TABLES = `
  CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT,
    store_id TEXT,
    output TEXT,
    position_commit INTEGER,
    position_prepare INTEGER,
    last_event TEXT,
    last_stream TEXT,
    last_revision INTEGER,
    ruleset INTEGER,
    ordinal INTEGER,
    sequence INTEGER,
    digest TEXT,
    events INTEGER,
    triggered INTEGER,
    published INTEGER,
    suppressed INTEGER,
    parked INTEGER,
    unknown INTEGER
  );
  INSERT INTO checkpoint (one) VALUES (1);

  CREATE TABLE notices (
    id TEXT NOT NULL,
    mock INTEGER NOT NULL,
    user TEXT NOT NULL,
    trigger_type TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    severity TEXT,
    bypass INTEGER NOT NULL,
    released INTEGER NOT NULL,
    releases INTEGER NOT NULL,
    held_at INTEGER
  );

  CREATE TABLE verdicts (
    event TEXT NOT NULL,
    position_commit INTEGER NOT NULL,
    position_prepare INTEGER NOT NULL,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    ruleset INTEGER NOT NULL,
    user TEXT,
    trigger_type TEXT,
    window_start INTEGER,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    basis TEXT,
    message_id TEXT,
    sequence INTEGER
  );

  CREATE TABLE reasons (
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (verdict, reason)
  );

  CREATE TABLE tail (
    sequence INTEGER PRIMARY KEY,
    ordinal INTEGER NOT NULL,
    source TEXT NOT NULL,
    position_commit INTEGER NOT NULL,
    position_prepare INTEGER NOT NULL,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    rule TEXT NOT NULL,
    ruleset INTEGER NOT NULL,
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
  );

  CREATE TABLE parked (
    event TEXT NOT NULL UNIQUE,
    position_commit INTEGER NOT NULL,
    position_prepare INTEGER NOT NULL,
    stream TEXT NOT NULL,
    revision INTEGER NOT NULL,
    type TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    ruleset INTEGER NOT NULL
  );

  CREATE TABLE control (
    event TEXT NOT NULL,
    position_commit INTEGER NOT NULL,
    position_prepare INTEGER NOT NULL,
    revision INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    digest TEXT NOT NULL
  );
`;

// The instant comes last, so that one user's notices of a type within a span of time are a range of it.
// Notices have no index on their random ids: at ten million rows every insert would touch a page of its
// own. The index of parked verdicts holds only those, so it stays tiny; the one by position grows at its
// end. The other two are what explaining costs: a user's verdicts in order of their windows, and the
// verdict behind a notification, by as much of its id as makes it rare.
const INDEXES = `
  CREATE INDEX notices_by_requested ON notices (user, trigger_type, mock, requested_at);
  CREATE INDEX verdicts_by_position ON verdicts (position_commit, position_prepare);
  CREATE UNIQUE INDEX verdicts_parked ON verdicts (event) WHERE verdict = 'parked';
  CREATE INDEX verdicts_by_user ON verdicts (user, window_start);
  CREATE INDEX verdicts_by_message ON verdicts (substr(message_id, 1, 8)) WHERE message_id IS NOT NULL;
`;

/**
 * Made when a policy goes by `recordedAt` for the first time: whoever has no such policy, as most, does
 * not pay for a second index with every notice.
 */
export const RECORDED_INDEX =
  'CREATE INDEX IF NOT EXISTS notices_by_recorded ON notices (user, trigger_type, mock, recorded_at)';

const rfc3339 = (column: string): string =>
  `strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch') AS ${column}`;

const VIEWS = `
  CREATE VIEW notices_view AS SELECT
    id, mock, user, trigger_type,
    ${rfc3339('window_start')}, ${rfc3339('requested_at')}, ${rfc3339('recorded_at')},
    severity, bypass, released, releases, ${rfc3339('held_at')}
  FROM notices;
  CREATE VIEW verdicts_view AS SELECT
    event, position_commit || '/' || position_prepare AS position, stream, revision, ruleset,
    user, trigger_type, ${rfc3339('window_start')}, verdict, reason, basis, message_id, sequence
  FROM verdicts;
  CREATE VIEW tail_view AS SELECT
    sequence, ordinal, id, rule, ruleset, source, stream, revision,
    position_commit || '/' || position_prepare AS position, ${rfc3339('recorded_at')}, digest
  FROM tail;
`;

/** What marks a read-model file as ours. */
export const READ_MODEL_FORMAT: SqliteFormat = {
  applicationId: 0x54_63_72_6d, // "Tcrm"
  version: 1,
  what: 'a Tocsin read model',
  create: createTables,
};

/** Makes the tables in an empty database. */
export function createTables(db: DatabaseSync): void {
  db.exec(TABLES);
  db.exec(INDEXES);
  db.exec(VIEWS);
}

/** Empties every table; runs inside the caller's transaction. The owner stays. */
export const FORGET = `
  DELETE FROM notices; DELETE FROM verdicts; DELETE FROM reasons; DELETE FROM tail; DELETE FROM parked;
  DELETE FROM control;
  UPDATE checkpoint SET
    store_id = NULL, output = NULL, position_commit = NULL, position_prepare = NULL,
    last_event = NULL, last_stream = NULL, last_revision = NULL, ruleset = NULL, ordinal = NULL, sequence = NULL, digest = NULL,
    events = NULL, triggered = NULL, published = NULL, suppressed = NULL, parked = NULL, unknown = NULL;
`;
