// The log as a server shows it when the front imitates one: with records that no client sees, and places without a record.
import type { FileRows, StoredEvent, StoredPage } from '../embedded/rows.ts';
import type { Place } from './read-start.ts';

export type ServerLog = {
  /** Records from a position on, hidden ones too. */
  readonly records: (from: bigint, limit: number) => StoredPage;
  /** False for a place at or below the end that is none of a record. Any place is one in a part that was scavenged. */
  readonly hasRecord: (place: Place) => boolean;
  readonly isHidden: (event: StoredEvent) => boolean;
};

/** Streams that are left out of `$all`, but not of checkpoints. */
const HIDDEN = /^\$epoch-information$|^\$persistentsubscription-\$all::.*-(checkpoint|parked)$/s;

/** @param scavengedTo the position up to which the log was scavenged; 0 for none */
export function serverLog(rows: FileRows, scavengedTo: () => bigint): ServerLog {
  return {
    records: (from, limit) => rows.all('forwards', from, limit),
    hasRecord({ commit }) {
      if (commit === 0n || commit > rows.head() || commit < scavengedTo()) return true;
      const [found] = rows.all('forwards', commit, 1).events;
      return found?.position === Number(commit);
    },
    isHidden: ({ stream }) => stream.startsWith('$') && HIDDEN.test(stream),
  };
}
