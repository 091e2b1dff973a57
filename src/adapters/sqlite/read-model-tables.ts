// The rows of a read-model file's tables. A change is a new format version and a change of docs/read-model.md.
import { KEYED_PER } from '../../domain/policy/per.ts';
import { SEVERITIES } from '../../domain/core/severity.ts';
import type {
  Checkpoint,
  ControlRow,
  Counts,
  MutedRequest,
  ParkedRow,
  RecentMessageRow,
  SentNotification,
  SuppressedKey,
  SuppressedRequests,
  SuppressedSince,
  VerdictMinute,
  VerdictRow,
} from '../../projections/read-model.ts';
import {
  bigint,
  constrained,
  eventRef,
  flag,
  group,
  integer,
  nullable,
  oneOf,
  position,
  record,
  table,
  text,
} from './table.ts';

// 64-bit numbers (positions, revisions, sequences, ordinals) are INTEGER: every store counts them below 2^63, and as
// text they would not sort. No table is STRICT, because the sqlite3 shells of long-lived distributions could not open it.

/** One row; its columns are null before the first commit. */
export const CHECKPOINT = table(
  'checkpoint',
  nullable(
    record<Checkpoint>({
      storeId: text,
      output: nullable(text),
      position,
      lastEvent: nullable(eventRef),
      ruleset: integer,
      ordinal: bigint,
      sequence: bigint,
      digest: text,
      counts: record<Counts>({
        events: integer,
        triggered: integer,
        published: integer,
        suppressed: integer,
        parked: integer,
        unknown: integer,
      }),
    }),
  ),
);

export const SENT_NOTIFICATIONS = table(
  'sent_notifications',
  record<SentNotification>({
    id: text,
    mock: flag,
    user: text,
    triggerType: text,
    targetType: text,
    targetId: text,
    windowStart: integer,
    per: oneOf(KEYED_PER),
    suppressedSince: nullable(group<SuppressedSince>({ count: integer, firstAt: integer })),
    requestedAt: integer,
    recordedAt: integer,
    severity: nullable(oneOf(SEVERITIES)),
    bypass: flag,
    released: flag,
    releases: integer,
    heldAt: nullable(integer),
  }),
  (row) => [
    row.id,
    row.mock ? 1 : 0,
    row.user,
    row.triggerType,
    row.targetType,
    row.targetId,
    row.windowStart,
    row.per,
    row.suppressedSince === null ? null : row.suppressedSince.count,
    row.suppressedSince === null ? null : row.suppressedSince.firstAt,
    row.requestedAt,
    row.recordedAt,
    row.severity,
    row.bypass ? 1 : 0,
    row.released ? 1 : 0,
    row.releases,
    row.heldAt,
  ],
);

export const SUPPRESSED_REQUESTS = table(
  'suppressed_requests',
  record<SuppressedRequests>({
    user: text,
    triggerType: text,
    mock: flag,
    targetType: text,
    targetId: text,
    count: integer,
    firstAt: integer,
    secondAt: nullable(integer),
    position: text,
  }),
  (row) => [
    row.user,
    row.triggerType,
    row.mock ? 1 : 0,
    row.targetType,
    row.targetId,
    row.count,
    row.firstAt,
    row.secondAt,
    row.position,
  ],
);

/** Identifies a row of {@link SUPPRESSED_REQUESTS}. */
export const SUPPRESSED_KEY = ['user', 'trigger_type', 'mock', 'target_type', 'target_id'];

/** In the order of {@link SUPPRESSED_KEY}. */
export function suppressedKeyValues(key: SuppressedKey): (string | number)[] {
  return [key.user, key.triggerType, key.mock ? 1 : 0, key.targetType, key.targetId];
}

export const MUTED_REQUESTS = table(
  'muted_requests',
  record<MutedRequest>({
    event: constrained(text, ' NOT NULL PRIMARY KEY'),
    position,
    stream: text,
    revision: bigint,
    user: text,
    triggerType: text,
    targetType: text,
    targetId: text,
    per: oneOf(KEYED_PER),
    expiresAt: integer,
  }),
);

export const VERDICTS = table(
  'verdicts',
  record<VerdictRow>({
    event: text,
    position,
    stream: text,
    revision: bigint,
    ruleset: integer,
    user: nullable(text),
    triggerType: nullable(text),
    windowStart: nullable(integer),
    verdict: oneOf(['published', 'suppressed', 'parked']),
    reason: text,
    basis: nullable(text),
    messageId: nullable(text),
    sequence: nullable(bigint),
  }),
  (row) => [
    row.event,
    row.position.commit,
    row.position.prepare,
    row.stream,
    row.revision,
    row.ruleset,
    row.user,
    row.triggerType,
    row.windowStart,
    row.verdict,
    row.reason,
    row.basis,
    row.messageId,
    row.sequence,
  ],
);

export type ReasonRow = {
  readonly verdict: VerdictRow['verdict'];
  readonly reason: string;
  readonly requests: number;
};

export const REASONS = table(
  'reasons',
  record<ReasonRow>({
    verdict: oneOf(['published', 'suppressed', 'parked']),
    reason: text,
    requests: integer,
  }),
);

export const VERDICT_MINUTES = table(
  'verdict_minutes',
  record<VerdictMinute>({
    minute: integer,
    verdict: oneOf(['published', 'suppressed']),
    requests: integer,
  }),
);

export const RECENT_MESSAGES = table(
  'recent_messages',
  record<RecentMessageRow>({
    sequence: constrained(bigint, ' PRIMARY KEY'),
    ordinal: bigint,
    source: text,
    position,
    stream: text,
    revision: bigint,
    rule: text,
    ruleset: integer,
    id: text,
    digest: text,
    recordedAt: integer,
  }),
  (row) => [
    row.sequence,
    row.ordinal,
    row.source,
    row.position.commit,
    row.position.prepare,
    row.stream,
    row.revision,
    row.rule,
    row.ruleset,
    row.id,
    row.digest,
    row.recordedAt,
  ],
);

export const PARKED = table(
  'parked',
  record<ParkedRow>({
    event: constrained(text, ' NOT NULL UNIQUE'),
    position,
    stream: text,
    revision: bigint,
    type: text,
    code: text,
    detail: text,
    ruleset: integer,
  }),
);

export const CONTROL = table(
  'control',
  record<ControlRow>({
    event: text,
    position,
    revision: constrained(bigint, ' PRIMARY KEY'),
    type: text,
    digest: text,
  }),
);
