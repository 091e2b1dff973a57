// The file's tables. They may be queried by anybody while the store runs; only the store writes them.
import type { SqliteFormat } from '../../sqlite/open.ts';

/** What marks a file as an event store. A new number comes with a way to bring old files up to it. */
export const STORE_FORMAT: SqliteFormat = {
  applicationId: 0x54_6f_63_73, // "Tocs"
  version: 2,
  what: 'a Tocsin event store',
  create(db) {
    // `position` counts bytes: it is where the event ends in the log. A stretch of positions is thus a
    // bounded amount of reading. JSON is text, so that sqlite3's own functions can look into it; what is
    // no JSON, or no UTF-8, is a blob. `created` is in milliseconds since 1970.
    db.exec(`
      CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        last_revision INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES streams (id),
        revision INTEGER NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        is_json INTEGER NOT NULL,
        created INTEGER NOT NULL,
        data ANY NOT NULL,
        metadata ANY NOT NULL,
        UNIQUE (stream, revision)
      ) STRICT;`);
  },
};
