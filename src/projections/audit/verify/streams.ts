// Every stream's revisions, 0, 1, 2 …: an event that was cut out of a log leaves a gap.
import { formatPosition } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/ports/event-store.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

/** `{kernel}.{category}-{pp}-{uuid}` */
const USER_STREAM =
  /^(.+-)[0-9a-f]{2}-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Watches revisions while the log goes by. */
export class StreamRevisions {
  readonly #findings: Findings;
  /** The last revision of each user's stream: one map per category, as a UUID may be in several. */
  readonly #last = new Map<string, Fingerprints>();
  /** Streams without a UUID: the control stream. */
  readonly #named = new Map<string, number>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  see({ stream, revision, position }: RecordedEvent): void {
    const found = Number(revision);
    const [, category, uuid] = USER_STREAM.exec(stream) ?? [];
    const isNamed = category === undefined || uuid === undefined;
    const seen = isNamed ? this.#named.get(stream) : this.#of(category).get(uuid);
    const next = (seen ?? -1) + 1;
    if (found !== next) {
      const gap =
        next === found - 1 ? `revision ${next} is` : `revisions ${next} to ${found - 1} are`;
      const detail =
        found < next ? `revision ${found} comes after ${next - 1}` : `${gap} not there`;
      this.#findings.add('revision_gap', `${stream}, before ${formatPosition(position)}`, detail);
    }
    const last = Math.max(found, next - 1);
    if (isNamed) this.#named.set(stream, last);
    else this.#of(category).set(uuid, last);
  }

  #of(category: string): Fingerprints {
    const found = this.#last.get(category);
    if (found !== undefined) return found;
    const made = new Fingerprints();
    this.#last.set(category, made);
    return made;
  }
}
