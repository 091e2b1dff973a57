// The writing half of the read model: a commit is one transaction, and nothing of it is there when
// any part of it fails. Rows go in one by one through prepared statements: measured as fast as
// statements of many rows, and simpler.
import type { DatabaseSync } from 'node:sqlite';
import type { ReadModelCommit, VerdictRow } from '../../projections/read-model.ts';
import { assertCommit, isOwnershipLost, ownershipLost, TAIL_LIMIT } from './read-model-commit.ts';
import { text } from './read-model-rows.ts';
import { FORGET } from './read-model-schema.ts';
import {
  amendedValues,
  checkpointValues,
  controlValues,
  noticeValues,
  parkedValues,
  tailValues,
  verdictValues,
} from './read-model-values.ts';
import { transaction } from './transaction.ts';

/** What this owner left behind: the next commit must find exactly that. */
type Left = { readonly output: string | null; readonly sequence: bigint | null };

/** The writing half. Its errors are SQLite's own. */
export type ReadModelWrites = Readonly<{
  commit: (commit: ReadModelCommit) => void;
  reset: () => void;
}>;

const NO_OUTPUT: Left = { output: null, sequence: null };

/**
 * Makes `token` the owner, and prepares the writing statements.
 *
 * @param what the file as errors name it
 */
export function readModelWrites(db: DatabaseSync, token: string, what: string): ReadModelWrites {
  const insert = (table: string, columns: number) =>
    db.prepare(`INSERT INTO ${table} VALUES (${Array(columns).fill('?').join(', ')})`);
  const notice = insert('notices', 12);
  const amend = db.prepare(`
    UPDATE notices SET released = ?, releases = ?, held_at = ?
    WHERE user = ? AND trigger_type = ? AND mock = ? AND id = ?`);
  const verdict = insert('verdicts', 14);
  const tail = insert('tail', 12);
  const parked = db.prepare('INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const control = insert('control', 6);
  const unpark = db.prepare('DELETE FROM parked WHERE event = ?');
  // INDEXED BY, because without statistics the planner could as well read millions of other verdicts.
  const anyParked = db.prepare(
    "SELECT 1 FROM verdicts INDEXED BY verdicts_parked WHERE verdict = 'parked' LIMIT 1",
  );
  const undecide = db.prepare(`
    DELETE FROM verdicts INDEXED BY verdicts_parked
    WHERE verdict = 'parked' AND event = ? RETURNING reason`);
  const reason = db.prepare(`
    INSERT INTO reasons VALUES (?, ?, ?)
    ON CONFLICT (verdict, reason) DO UPDATE SET requests = requests + excluded.requests`);
  const clearTail = db.prepare('DELETE FROM tail WHERE sequence >= ?');
  const trimTail = db.prepare('DELETE FROM tail WHERE sequence <= ?');
  const advance = db.prepare(`
    UPDATE checkpoint SET
      store_id = ?, output = ?, position_commit = ?, position_prepare = ?, last_event = ?,
      last_stream = ?, last_revision = ?,
      ruleset = ?, ordinal = ?, sequence = ?, digest = ?,
      events = ?, triggered = ?, published = ?, suppressed = ?, parked = ?, unknown = ?
    WHERE owner = ? AND sequence IS ?`);
  const owned = db.prepare('UPDATE checkpoint SET owner = owner WHERE owner = ? AND sequence IS ?');
  const found = db.prepare('SELECT owner, output, sequence FROM checkpoint');
  found.setReadBigInts(true);

  const own = db.prepare('UPDATE checkpoint SET owner = ?');
  own.run(token);
  let left: Left | undefined;

  /** After a failed commit what is there is read again: the failure may have come after the writing. */
  function leftBehind(): Left {
    const row = found.get();
    if (row?.['owner'] !== token) throw ownershipLost(what);
    const { output, sequence } = row;
    return typeof sequence === 'bigint'
      ? { output: typeof output === 'string' ? output : null, sequence }
      : NO_OUTPUT;
  }

  function write(before: Left, next: Left, work: () => void): void {
    left = undefined;
    try {
      transaction(db, work);
    } catch (error) {
      if (isOwnershipLost(error)) left = before;
      throw error;
    }
    left = next;
  }

  function writeVerdicts(rows: readonly VerdictRow[]): void {
    const decidedAgain = anyParked.get() !== undefined;
    const tally = new Map<string, { verdict: string; reason: string; requests: number }>();
    const count = (verdictOf: string, why: string, by: number): void => {
      const key = `${verdictOf}\n${why}`;
      const entry = tally.get(key) ?? { verdict: verdictOf, reason: why, requests: 0 };
      entry.requests += by;
      tally.set(key, entry);
    };
    const parkedHere = new Set<string>();
    for (const row of rows) {
      if (decidedAgain || parkedHere.has(row.event)) {
        for (const old of undecide.all(row.event)) count('parked', text(old, 'reason'), -1);
      }
      if (row.verdict === 'parked') parkedHere.add(row.event);
      verdict.run(...verdictValues(row));
      count(row.verdict, row.reason, 1);
    }
    for (const entry of tally.values()) reason.run(entry.verdict, entry.reason, entry.requests);
  }

  function writeTail(commit: ReadModelCommit, before: Left): void {
    // Another output is another list: its sequences say nothing about the old one's messages.
    if (commit.checkpoint.output !== before.output) clearTail.run(0n);
    const first = commit.recentMessages[0];
    const last = commit.recentMessages.at(-1);
    if (first === undefined || last === undefined) return;
    clearTail.run(first.sequence);
    for (const row of commit.recentMessages) tail.run(...tailValues(row));
    trimTail.run(last.sequence - TAIL_LIMIT);
  }

  return {
    commit(commit) {
      assertCommit(commit);
      const before = left ?? leftBehind();
      const { output, sequence } = commit.checkpoint;
      write(before, { output, sequence }, () => {
        const changed = advance.run(...checkpointValues(commit.checkpoint), token, before.sequence);
        if (Number(changed.changes) !== 1) throw ownershipLost(what);
        for (const row of commit.sentNotifications) notice.run(...noticeValues(row));
        for (const row of commit.amended) amend.run(...amendedValues(row));
        writeVerdicts(commit.verdicts);
        writeTail(commit, before);
        // In this order: a retried event may have been parked again.
        for (const event of commit.unparked) unpark.run(event);
        for (const row of commit.parked) parked.run(...parkedValues(row));
        for (const row of commit.control ?? []) control.run(...controlValues(row));
      });
    },
    reset() {
      const before = left ?? leftBehind();
      write(before, NO_OUTPUT, () => {
        if (Number(owned.run(token, before.sequence).changes) !== 1) throw ownershipLost(what);
        db.exec(FORGET);
      });
    },
  };
}
