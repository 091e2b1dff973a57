// Which of two entries with one UID and RECURRENCE-ID counts (RFC 5546, 2.1.5): that of the higher SEQUENCE, then
// that of the later DTSTAMP, then of the later LAST-MODIFIED, then the one that is read later.
import { rawValue, type Component } from './components.ts';

export type Revision = {
  readonly sequence: number;
  /** DTSTAMP and LAST-MODIFIED in the basic format, which sorts by time; empty where both are absent. */
  readonly stamp: string;
  readonly modified: string;
};

const TIME = /^\d{8}T\d{6}Z?$/;

export function revisionOf(component: Component): Revision {
  const [stamp, modified] = ['DTSTAMP', 'LAST-MODIFIED'].map((name) => {
    const value = rawValue(component, name).toUpperCase();
    return TIME.test(value) ? value.slice(0, 15) : '';
  });
  const sequence = rawValue(component, 'SEQUENCE');
  return {
    sequence: /^\d{1,10}$/.test(sequence) ? Number(sequence) : 0,
    stamp: stamp || modified || '',
    modified: modified || stamp || '',
  };
}

/** True when the revision replaces one that was read before it. */
export function replaces(later: Revision, earlier: Revision): boolean {
  if (later.sequence !== earlier.sequence) return later.sequence > earlier.sequence;
  if (later.stamp !== earlier.stamp) return later.stamp > earlier.stamp;
  return later.modified >= earlier.modified;
}
