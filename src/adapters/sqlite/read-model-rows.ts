// Rows as SQLite gives them, into the projections' types. A guard per cell instead of a schema per
// row: the same safety at a tenth of the cost, and notices are read five hundred at a time.
import type { SQLOutputValue } from 'node:sqlite';
import type {
  Checkpoint,
  ControlRow,
  EventRef,
  SentNotification,
  ParkedRow,
  RecentMessageRow,
  VerdictRow,
} from '../../projections/read-model.ts';
import { SEVERITIES, type Severity } from '../../domain/core/vocabulary.ts';
import type { Position } from '../../domain/core/positions.ts';
import { damaged } from './read-model-errors.ts';

/** A row with unchecked cells. */
export type Row = Record<string, SQLOutputValue>;

/** The cell as text. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw unexpected(column, value);
  return value;
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** The cell as a number that a double holds exactly. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw unexpected(column, value);
  return number;
}

/** The cell as a 64-bit number; the statement must read bigints. */
export function bigint(row: Row, column: string): bigint {
  const value = row[column];
  if (typeof value !== 'bigint') throw unexpected(column, value);
  return value;
}

function unexpected(column: string, value: unknown): Error {
  return damaged('the read model', `column ${column} holds ${typeof value} ${String(value)}`);
}

function position(row: Row): Position {
  return { commit: bigint(row, 'position_commit'), prepare: bigint(row, 'position_prepare') };
}

/** A row of `checkpoint`; `undefined` while nothing was committed. */
export function toCheckpoint(row: Row): Checkpoint | undefined {
  if (row['store_id'] === null) return undefined;
  return {
    storeId: text(row, 'store_id'),
    output: textOrNull(row, 'output'),
    position: position(row),
    lastEvent: lastEvent(row),
    ruleset: integer(row, 'ruleset'),
    ordinal: bigint(row, 'ordinal'),
    sequence: bigint(row, 'sequence'),
    digest: text(row, 'digest'),
    counts: {
      events: integer(row, 'events'),
      triggered: integer(row, 'triggered'),
      published: integer(row, 'published'),
      suppressed: integer(row, 'suppressed'),
      parked: integer(row, 'parked'),
      unknown: integer(row, 'unknown'),
    },
  };
}

function lastEvent(row: Row): EventRef | null {
  if (row['last_event'] === null) return null;
  return {
    id: text(row, 'last_event'),
    stream: text(row, 'last_stream'),
    revision: bigint(row, 'last_revision'),
  };
}

/** A row of `notices`. */
export function toNotice(row: Row): SentNotification {
  return {
    id: text(row, 'id'),
    mock: integer(row, 'mock') === 1,
    user: text(row, 'user'),
    triggerType: text(row, 'trigger_type'),
    windowStart: integer(row, 'window_start'),
    requestedAt: integer(row, 'requested_at'),
    recordedAt: integer(row, 'recorded_at'),
    severity: severity(row),
    bypass: integer(row, 'bypass') === 1,
    released: integer(row, 'released') === 1,
    releases: integer(row, 'releases'),
    heldAt: row['held_at'] === null ? null : integer(row, 'held_at'),
  };
}

function severity(row: Row): Severity | null {
  const value = textOrNull(row, 'severity');
  if (value === null) return null;
  const known = SEVERITIES.find((each) => each === value);
  if (known === undefined) throw unexpected('severity', value);
  return known;
}

/** A row of `verdicts`. */
export function toVerdict(row: Row): VerdictRow {
  return {
    event: text(row, 'event'),
    position: position(row),
    stream: text(row, 'stream'),
    revision: bigint(row, 'revision'),
    ruleset: integer(row, 'ruleset'),
    user: textOrNull(row, 'user'),
    triggerType: textOrNull(row, 'trigger_type'),
    windowStart: row['window_start'] === null ? null : integer(row, 'window_start'),
    verdict: verdict(row),
    reason: text(row, 'reason'),
    basis: textOrNull(row, 'basis'),
    messageId: textOrNull(row, 'message_id'),
    sequence: row['sequence'] === null ? null : bigint(row, 'sequence'),
  };
}

function verdict(row: Row): VerdictRow['verdict'] {
  const value = text(row, 'verdict');
  if (value === 'published' || value === 'suppressed' || value === 'parked') return value;
  throw unexpected('verdict', value);
}

/** A row of `tail`. */
export function toTail(row: Row): RecentMessageRow {
  return {
    sequence: bigint(row, 'sequence'),
    ordinal: bigint(row, 'ordinal'),
    source: text(row, 'source'),
    position: position(row),
    stream: text(row, 'stream'),
    revision: bigint(row, 'revision'),
    rule: text(row, 'rule'),
    ruleset: integer(row, 'ruleset'),
    id: text(row, 'id'),
    digest: text(row, 'digest'),
    recordedAt: integer(row, 'recorded_at'),
  };
}

/** A row of `parked`. */
export function toParked(row: Row): ParkedRow {
  return {
    event: text(row, 'event'),
    position: position(row),
    stream: text(row, 'stream'),
    revision: bigint(row, 'revision'),
    type: text(row, 'type'),
    code: text(row, 'code'),
    detail: text(row, 'detail'),
    ruleset: integer(row, 'ruleset'),
  };
}

/** A row of `control`. */
export function toControl(row: Row): ControlRow {
  return {
    event: text(row, 'event'),
    position: position(row),
    revision: bigint(row, 'revision'),
    type: text(row, 'type'),
    digest: text(row, 'digest'),
  };
}
