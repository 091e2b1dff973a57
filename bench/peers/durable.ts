// One at a time: a bare durable insert of a raise's bytes, and the latencies of both sides.
import { DatabaseSync } from 'node:sqlite';
import { insertInto, type Row } from '../limits/bare-inserts.ts';
import { spreadOf } from '../support/rounds.ts';

/** Milliseconds, half of the calls are quicker. */
export async function medianMs<T>(items: Iterable<T>, call: (item: T) => unknown): Promise<number> {
  const times: number[] = [];
  for (const item of items) {
    const begun = performance.now();
    await call(item);
    times.push(performance.now() - begun);
  }
  return spreadOf(times).median;
}

/** The median of durable inserts, each of the rows of one raise in a transaction of its own. */
export async function durableInserts(file: string, rows: readonly Row[], raises: number) {
  using db = new DatabaseSync(file);
  const insert = insertInto(db);
  const perRaise = Math.floor(rows.length / raises);
  const groups = Array.from({ length: raises }, (_, i) =>
    rows.slice(i * perRaise, (i + 1) * perRaise),
  );
  return await medianMs(groups, insert);
}
