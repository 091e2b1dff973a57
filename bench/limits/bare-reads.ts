// The limit of `replay`: every event of a file in order, page by page, its data and metadata parsed.
// Nothing is checked, decided or kept.
import { DatabaseSync } from 'node:sqlite';

const PAGE = 512;

/** Reads the whole log and tells the events and the seconds. */
export function bareReads(file: string): { readonly units: number; readonly seconds: number } {
  using db = new DatabaseSync(file, { readOnly: true });
  const page = db.prepare(
    `SELECT e.position, s.name, e.revision, e.id, e.type, e.data, e.metadata
     FROM events e CROSS JOIN streams s ON s.id = e.stream
     WHERE e.position > ? ORDER BY e.position LIMIT ${PAGE}`,
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
