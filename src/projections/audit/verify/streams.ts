// Checks that every stream's revisions are 0, 1, 2 …: an event removed from a log leaves a gap.
import { formatPosition } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

/** `{kernel}.{category}-{pp}-{uuid}` */
const USER_STREAM =
  /^(.+-)[0-9a-f]{2}-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Last revisions by UUID, or by name. */
type Revisions = Pick<Fingerprints, 'get' | 'set'>;

export class StreamRevisions {
  readonly #findings: Findings;
  /** The last revision of each user's stream: one map per category, as a UUID may be in several. */
  readonly #last = new Map<string, Fingerprints>();
  /** Streams without a UUID: the control stream. */
  readonly #named = new Map<string, number>();
  /** The stream of the previous event, and where its last revision is kept: events of a stream often follow each other. */
  #stream: string | undefined;
  #revisions: Revisions = this.#named;
  #key = '';
  #revision = -1;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  check({ stream, revision, position }: RecordedEvent): void {
    const found = Number(revision);
    if (stream !== this.#stream) this.#switchTo(stream);
    const next = this.#revision + 1;
    if (found !== next) {
      const gap =
        next === found - 1 ? `revision ${next} is` : `revisions ${next} to ${found - 1} are`;
      const detail = found < next ? `revision ${found} comes after ${next - 1}` : `${gap} missing`;
      this.#findings.add('revision_gap', `${stream}, before ${formatPosition(position)}`, detail);
    }
    this.#revision = Math.max(found, next - 1);
  }

  #switchTo(stream: string): void {
    if (this.#stream !== undefined) this.#revisions.set(this.#key, this.#revision);
    const [, category, uuid] = USER_STREAM.exec(stream) ?? [];
    const isNamed = category === undefined || uuid === undefined;
    this.#stream = stream;
    this.#revisions = isNamed ? this.#named : this.#of(category);
    this.#key = isNamed ? stream : uuid;
    this.#revision = this.#revisions.get(this.#key) ?? -1;
  }

  #of(category: string): Fingerprints {
    const found = this.#last.get(category);
    if (found !== undefined) return found;
    const made = new Fingerprints();
    this.#last.set(category, made);
    return made;
  }
}
