// All kinds of tampering of docs/audit.md.
import type { ReadModelSnapshot } from '../../src/adapters/memory/read-model.ts';
import type { MismatchCode } from '../../src/projections/audit/verify/mismatches.ts';
import type { Tampering } from '../support/audited.ts';
import { DELIVERY_KINDS } from './delivery-kinds.support.ts';
import { EARLY, OTHER, type Kind } from './kind.support.ts';
import { header, message } from './real-run.support.ts';
import { TRIGGER_KINDS } from './trigger-kinds.support.ts';

const state = (
  kind: string,
  without: MismatchCode,
  change: (rows: ReadModelSnapshot) => Partial<ReadModelSnapshot>,
): Kind => ({ kind, without, others: { state: (rows) => ({ ...rows, ...change(rows) }) } });
const file = (kind: string, sql: string): Kind => ({
  ...{ kind, sql },
  without: 'state_schema_changed',
});
const stream = (kind: string, without: MismatchCode, others: Omit<Tampering, 'log'>): Kind => ({
  kind,
  without,
  others,
});

const STATE_KINDS: readonly Kind[] = [
  state('a verdict changed', 'verdict_changed', ({ verdicts }) => ({
    verdicts: verdicts.with(0, { ...first(verdicts), reason: 'x' }),
  })),
  state('a verdict removed', 'verdict_missing', ({ verdicts }) => ({
    verdicts: verdicts.slice(1),
  })),
  state('a verdict put in', 'verdict_extra', ({ verdicts }) => ({
    verdicts: [...verdicts, { ...first(verdicts), event: OTHER }],
  })),
  state('a sent notification changed', 'notice_changed', ({ sentNotifications: sent }) => ({
    sentNotifications: sent.with(0, { ...first(sent), windowStart: 0 }),
  })),
  state('a sent notification removed', 'notice_missing', ({ sentNotifications: sent }) => ({
    sentNotifications: sent.slice(1),
  })),
  state('a sent notification put in', 'notice_extra', ({ sentNotifications: sent }) => ({
    sentNotifications: [...sent, { ...first(sent), id: OTHER }],
  })),
  state('a count of suppressed requests', 'suppressed_changed', ({ suppressedRequests: rows }) => ({
    suppressedRequests: rows.with(0, { ...first(rows), count: 7 }),
  })),
  state('the totals of the checkpoint', 'checkpoint_changed', ({ checkpoint }) =>
    checkpoint === undefined
      ? {}
      : { checkpoint: { ...checkpoint, counts: { ...checkpoint.counts, published: 9 } } },
  ),
  state('`checkpoint.sequence` moved up', 'checkpoint_changed', ({ checkpoint }) =>
    checkpoint === undefined
      ? {}
      : { checkpoint: { ...checkpoint, sequence: checkpoint.sequence + 3n } },
  ),
  state('`checkpoint.sequence` moved down', 'checkpoint_changed', ({ checkpoint }) =>
    checkpoint === undefined
      ? {}
      : { checkpoint: { ...checkpoint, sequence: checkpoint.sequence - 3n } },
  ),
  state('`recent_messages.sequence` moved', 'tail_changed', ({ recentMessages: rows }) => ({
    recentMessages: rows.map((row) => ({ ...row, sequence: row.sequence + 2n })),
  })),
  state('a recent message changed', 'tail_changed', ({ recentMessages: rows }) => ({
    recentMessages: rows.with(1, { ...first(rows.slice(1)), digest: 'f'.repeat(64) }),
  })),
];

const STREAM_KINDS: readonly Kind[] = [
  stream('the body of a message', 'message_altered', {
    messages: message(2, () => ({ data: Buffer.from('{}') })),
  }),
  stream('the subject of a message', 'message_altered', {
    messages: message(2, () => ({ subject: 'x' })),
  }),
  stream('the id of a message', 'message_altered', { messages: header(2, 'ce-id', OTHER) }),
  stream('the number of a message', 'message_altered', {
    messages: header(2, 'Tocsin-Ordinal', '7'),
  }),
  stream('the digest of a message', 'message_altered', {
    messages: header(2, 'Tocsin-Digest', 'f'.repeat(64)),
  }),
  stream('a stray header', 'message_altered', { messages: header(2, 'x-note', 'hello') }),
  stream('a stray header that begins with `Nats-`', 'message_altered', {
    messages: header(2, 'Nats-Note', 'hello'),
  }),
  stream('a message removed', 'message_missing', { messages: (stored) => stored.toSpliced(3, 1) }),
  stream('the last message removed', 'message_missing', {
    messages: (stored) => stored.slice(0, -1),
  }),
  stream('a message put in', 'message_extra', {
    messages: (stored) => [...stored, { ...first(stored), sequence: 11n }],
    info: (info) => ({ ...info, lastSequence: 11n }),
  }),
  stream('two messages swapped', 'message_reordered', {
    messages: (stored) =>
      stored.map((one, at) => ({
        ...(at === 2 ? first(stored.slice(3)) : at === 3 ? first(stored.slice(2)) : one),
        sequence: one.sequence,
      })),
  }),
  stream('the stream deleted', 'output_missing', { info: () => undefined }),
  stream('another stream of the same name', 'output_missing', {
    info: (info) => ({ ...info, created: EARLY }),
  }),
];

const FILE_KINDS: readonly Kind[] = [
  file(
    'a trigger in the state file',
    'CREATE TRIGGER t AFTER INSERT ON verdicts BEGIN DELETE FROM verdicts; END',
  ),
  file('an index removed from the state file', 'DROP INDEX verdicts_by_user'),
  file(
    'an index of the state file made another',
    'DROP INDEX verdicts_by_user; CREATE INDEX verdicts_by_user ON verdicts (user)',
  ),
  file('a table put into the state file', 'CREATE TABLE notes (text TEXT)'),
  file(
    'a view of the state file made another',
    'DROP VIEW verdicts_view; CREATE VIEW verdicts_view AS SELECT 1',
  ),
];

export const KINDS: readonly Kind[] = [
  ...TRIGGER_KINDS,
  ...DELIVERY_KINDS,
  ...STATE_KINDS,
  ...FILE_KINDS,
  ...STREAM_KINDS,
];

function first<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('there is none');
  return row;
}
