// The writing half of the read model: a commit is one transaction. Statements of many rows were not faster.
import { TocsinError } from '../../domain/core/errors.ts';
import type { ReadModelCommit, VerdictRow } from '../../projections/read-model.ts';
import type { DerivedFile } from './made-from-log.ts';
import { FORGET, READ_MODEL_FORMAT } from './read-model-format.ts';
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
  suppressedKeyValues,
  VERDICT_MINUTES,
  VERDICTS,
  type ReasonRow,
} from './read-model-tables.ts';
import { insertInto } from './table.ts';
import { transaction } from './open.ts';

/** How many of the last messages are kept, to publish them again after a server lost them. */
const RECENT_MESSAGES_KEPT = 10_000n;

/** The values that this owner wrote last; the next commit must find them unchanged. */
type Written = { readonly output: string | null; readonly sequence: bigint | null };

const NOTHING_WRITTEN: Written = { output: null, sequence: null };

export type ReadModelWriter = {
  readonly commit: (commit: ReadModelCommit) => void;
  readonly reset: () => void;
};
/** Makes `token` the owner, and prepares the writing statements. */
export function readModelWriter(
  { db, name, guarded }: DerivedFile,
  token: string,
): ReadModelWriter {
  const statement = guarded(() => ({
    notification: db.prepare(insertInto(SENT_NOTIFICATIONS)),
    amend: db.prepare(`
      UPDATE sent_notifications SET released = ?, releases = ?, held_at = ?
      WHERE user = ? AND trigger_type = ? AND mock = ? AND id = ?`),
    // In place: replaced rows would be deleted and inserted again.
    suppressed: db.prepare(`
      ${insertInto(SUPPRESSED_REQUESTS)} ON CONFLICT DO UPDATE SET
      ${SUPPRESSED_REQUESTS.columns
        .filter((column) => !SUPPRESSED_KEY.includes(column))
        .map((column) => `${column} = excluded.${column}`)
        .join(', ')}`),
    told: db.prepare(`
      DELETE FROM suppressed_requests
      WHERE ${SUPPRESSED_KEY.map((column) => `${column} = ?`).join(' AND ')}`),
    mute: db.prepare(insertInto(MUTED_REQUESTS, 'INSERT OR REPLACE')),
    unmute: db.prepare(`
      DELETE FROM muted_requests
      WHERE event = ? AND position_commit = ? AND position_prepare = ?`),
    removeMuted: db.prepare(`
      DELETE FROM verdicts INDEXED BY verdicts_by_position
      WHERE position_commit = ? AND position_prepare = ? AND event = ? RETURNING reason`),
    verdict: db.prepare(insertInto(VERDICTS)),
    message: db.prepare(insertInto(RECENT_MESSAGES)),
    removeFrom: db.prepare('DELETE FROM recent_messages WHERE sequence >= ?'),
    removeUpTo: db.prepare('DELETE FROM recent_messages WHERE sequence <= ?'),
    park: db.prepare(insertInto(PARKED, 'INSERT OR REPLACE')),
    unpark: db.prepare('DELETE FROM parked WHERE event = ?'),
    control: db.prepare(insertInto(CONTROL)),
    // INDEXED BY, because without statistics the planner could as well read millions of other verdicts.
    anyParked: db.prepare(
      "SELECT 1 FROM verdicts INDEXED BY verdicts_parked WHERE verdict = 'parked' LIMIT 1",
    ),
    removeParked: db.prepare(`
      DELETE FROM verdicts INDEXED BY verdicts_parked
      WHERE verdict = 'parked' AND event = ? RETURNING reason`),
    reason: db.prepare(`
      ${insertInto(REASONS)}
      ON CONFLICT (verdict, reason) DO UPDATE SET requests = requests + excluded.requests`),
    minute: db.prepare(`
      ${insertInto(VERDICT_MINUTES)}
      ON CONFLICT (minute, verdict) DO UPDATE SET requests = requests + excluded.requests`),
    advance: db.prepare(`
      UPDATE checkpoint SET ${CHECKPOINT.columns.map((column) => `${column} = ?`).join(', ')}
      WHERE owner = ? AND sequence IS ?`),
    isOwner: db.prepare('UPDATE checkpoint SET owner = owner WHERE owner = ? AND sequence IS ?'),
    written: db.prepare('SELECT owner, output, sequence FROM checkpoint'),
  }));
  statement.written.setReadBigInts(true);
  guarded(() => db.prepare('UPDATE checkpoint SET owner = ?').run(token));
  let last: Written | undefined;

  /** Reads the file, since a commit that failed may have been written. */
  function lastWritten(): Written {
    const row = statement.written.get();
    if (row?.['owner'] !== token) throw ownershipLost(name);
    const { output, sequence } = row;
    return typeof sequence === 'bigint'
      ? { output: typeof output === 'string' ? output : null, sequence }
      : NOTHING_WRITTEN;
  }

  function write(before: Written, next: Written, work: () => void): void {
    last = undefined;
    try {
      transaction(db, work);
    } catch (error) {
      if (isOwnershipLost(error)) last = before;
      throw error;
    }
    last = next;
  }

  function writeVerdicts(rows: readonly VerdictRow[]): void {
    const mayBeParked = statement.anyParked.get() !== undefined;
    const counts = new Map<string, ReasonRow>();
    const count = (verdict: VerdictRow['verdict'], reason: string, by: number): void => {
      const key = `${verdict}\n${reason}`;
      const requests = (counts.get(key)?.requests ?? 0) + by;
      counts.set(key, { verdict, reason, requests });
    };
    const parkedHere = new Set<string>();
    for (const row of rows) {
      if (mayBeParked || parkedHere.has(row.event)) {
        for (const { reason } of statement.removeParked.all(row.event)) {
          count('parked', String(reason), -1);
        }
      }
      if (row.verdict === 'parked') parkedHere.add(row.event);
      statement.verdict.run(...VERDICTS.values(row));
      count(row.verdict, row.reason, 1);
    }
    for (const row of counts.values()) statement.reason.run(...REASONS.values(row));
  }

  /** The first verdict about a released request goes: it has another now. */
  function writeMuted({ mutedRequests = [], releasedRequests = [] }: ReadModelCommit): void {
    for (const row of mutedRequests) statement.mute.run(...MUTED_REQUESTS.values(row));
    for (const { event, position } of releasedRequests) {
      const { commit, prepare } = position;
      statement.unmute.run(event, commit, prepare);
      for (const { reason } of statement.removeMuted.all(commit, prepare, event)) {
        const row = { verdict: 'suppressed', reason: String(reason), requests: -1 } as const;
        statement.reason.run(...REASONS.values(row));
      }
    }
  }

  function writeMessages({ checkpoint, recentMessages }: ReadModelCommit, before: Written): void {
    // Another output has sequences of its own.
    if (checkpoint.output !== before.output) statement.removeFrom.run(0n);
    const first = recentMessages[0];
    const newest = recentMessages.at(-1);
    if (first === undefined || newest === undefined) return;
    statement.removeFrom.run(first.sequence);
    for (const row of recentMessages) statement.message.run(...RECENT_MESSAGES.values(row));
    statement.removeUpTo.run(newest.sequence - RECENT_MESSAGES_KEPT);
  }

  return {
    commit: (commit) => {
      guarded(() => {
        assertAscending(commit);
        const before = last ?? lastWritten();
        const { output, sequence } = commit.checkpoint;
        write(before, { output, sequence }, () => {
          const values = CHECKPOINT.values(commit.checkpoint);
          const { changes } = statement.advance.run(...values, token, before.sequence);
          if (Number(changes) !== 1) throw ownershipLost(name);
          for (const row of commit.sentNotifications) {
            statement.notification.run(...SENT_NOTIFICATIONS.values(row));
          }
          for (const { user, triggerType, mock, id, ...row } of commit.amended) {
            const about = [user, triggerType, mock ? 1 : 0, id];
            statement.amend.run(row.released ? 1 : 0, row.releases, row.heldAt, ...about);
          }
          for (const row of commit.suppressedRequests ?? []) {
            if (row.count === 0) statement.told.run(...suppressedKeyValues(row));
            else statement.suppressed.run(...SUPPRESSED_REQUESTS.values(row));
          }
          writeVerdicts(commit.verdicts);
          for (const row of commit.verdictMinutes ?? [])
            statement.minute.run(...VERDICT_MINUTES.values(row));
          writeMuted(commit);
          writeMessages(commit, before);
          // In this order: a retried event may have been parked again.
          for (const event of commit.unparked) statement.unpark.run(event);
          for (const row of commit.parked) statement.park.run(...PARKED.values(row));
          for (const row of commit.control ?? []) statement.control.run(...CONTROL.values(row));
        });
      });
    },
    reset: () => {
      guarded(() => {
        const before = last ?? lastWritten();
        write(before, NOTHING_WRITTEN, () => {
          const { changes } = statement.isOwner.run(token, before.sequence);
          if (Number(changes) !== 1) throw ownershipLost(name);
          db.exec(FORGET);
        });
      });
    },
  };
}

/** @throws TocsinError (`internal`) when messages are not in the order in which the stream stores them */
function assertAscending({ recentMessages }: ReadModelCommit): void {
  let last: bigint | undefined;
  for (const { sequence } of recentMessages) {
    if (last !== undefined && sequence <= last) {
      const message = `message ${sequence} follows message ${last} in one commit`;
      const hint = 'This is a fault in Tocsin. Please report it.';
      throw new TocsinError('internal', 'tail_disorder', message, { hint });
    }
    last = sequence;
  }
}

function ownershipLost(name: string): TocsinError {
  const { codes, inUseHint: hint } = READ_MODEL_FORMAT;
  const message = `another projector has written ${name} since this one last did`;
  return new TocsinError('refused', codes.inUse, message, { hint });
}

function isOwnershipLost(error: unknown): boolean {
  return error instanceof TocsinError && error.code === READ_MODEL_FORMAT.codes.inUse;
}
