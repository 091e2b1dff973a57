// Checks that every stream's revisions are 0, 1, 2 …: an event removed from a log leaves a gap.
import { formatPosition } from '../../../domain/core/positions.ts';
import { isTombstone, type RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

/** `{kernel}.{category}-{pp}-{uuid}` */
const USER_STREAM =
  /^(.+-)[0-9a-f]{2}-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Checks the revisions of events in log order. */
export function revisionCheck(findings: Findings): (event: RecordedEvent) => void {
  /** The last revision of each user's stream: one map per category, as a UUID may be in several. */
  const byCategory = new Map<string, Fingerprints>();
  /** Streams without a UUID: the control stream. */
  const byName = new Map<string, number>();
  // The stream of the previous event, and where its last revision is kept: the next event is often of this stream.
  let current: string | undefined;
  let revisions: Pick<Fingerprints, 'get' | 'set'> = byName;
  let key = '';
  let last = -1;

  const switchTo = (stream: string): void => {
    if (current !== undefined) revisions.set(key, last);
    current = stream;
    const [, category, uuid] = USER_STREAM.exec(stream) ?? [];
    if (category === undefined || uuid === undefined) [revisions, key] = [byName, stream];
    else {
      const ofCategory = byCategory.get(category) ?? new Fingerprints();
      byCategory.set(category, ofCategory);
      [revisions, key] = [ofCategory, uuid];
    }
    last = revisions.get(key) ?? -1;
  };

  return (event) => {
    // The revision of a tombstone follows no other.
    if (isTombstone(event)) return;
    const { stream, revision, position } = event;
    if (stream !== current) switchTo(stream);
    const found = Number(revision);
    const next = last + 1;
    if (found !== next) {
      const gap =
        next === found - 1 ? `revision ${next} is` : `revisions ${next} to ${found - 1} are`;
      const detail = found < next ? `revision ${found} comes after ${last}` : `${gap} missing`;
      findings.add('revision_gap', `${stream}, before ${formatPosition(position)}`, detail);
    }
    last = Math.max(found, last);
  };
}
