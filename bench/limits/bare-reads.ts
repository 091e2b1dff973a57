// The limit of `replay`: every event of a file in order, page by page, its data and metadata parsed.
// Nothing is checked, decided or kept.
import { DatabaseSync } from 'node:sqlite';

const PAGE = 512;

/** Reads a whole file of bare-inserts.ts and tells the events and the seconds. */
export function bareReads(file: string): { readonly units: number; readonly seconds: number } {
  using db = new DatabaseSync(file, { readOnly: true });
  const page = db.prepare(
    `SELECT position, stream, revision, id, type, data, metadata
     FROM events WHERE position > ? ORDER BY position LIMIT ${PAGE}`,
  );
  const begun = performance.now();
  let units = 0;
  for (let after = 0; ;) {
    const rows = page.all(after);
    for (const { data, metadata } of rows) {
      JSON.parse(String(data));
      JSON.parse(String(metadata));
    }
    units += rows.length;
    const last = rows.at(-1);
    if (last === undefined) return { units, seconds: (performance.now() - begun) / 1000 };
    after = Number(last['position']);
  }
}
