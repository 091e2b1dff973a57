// Follows each stream of the log: its revisions are 0, 1, 2 …, its events were written as the appends of commands, and
// each event is one that a command could write after the events before it.
import { formatPosition } from '../../../domain/core/positions.ts';
import { isTombstone, type RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

/** `{kernel}.{category}-{pp}-{uuid}` */
const USER_STREAM =
  /^(.+\.([a-z]+)-)([0-9a-f]{2})-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** What is known of a stream from its events so far, as an integer below 2^29; 0 before the first. */
export type Story = number;

/** After a gap nothing is known of a stream, and its story is not followed. */
export const UNKNOWN_STORY: Story = 2 ** 29 - 1;

export type StreamName = {
  readonly stream: string;
  /** `trigger`, `idempotency` …; empty for a stream without a user. */
  readonly category: string;
  /** The user's share, and the UUID of the stream. */
  readonly share: string;
  readonly uuid: string;
};

/** Follows the stories of one category of streams; returns the story after the event. */
export type FollowStory = (event: RecordedEvent, story: Story, name: StreamName) => Story;

export type StreamCheckOptions = {
  readonly findings: Findings;
  /** By category. */
  readonly stories?: ReadonlyMap<string, FollowStory>;
  /** Called for each event; `isAfterGap`: events before it are missing. */
  readonly seen?: (event: RecordedEvent, name: StreamName, isAfterGap: boolean) => void;
};

/** A stream's last revision and its story share a number of 52 bits. */
const REVISIONS = 2 ** 23;

/** Two streams of one UUID differ in their shares; it takes the place of the first two of the 32 digits. */
export function streamKey(share: string, uuid: string): string {
  return `${share}${uuid.slice(2)}`;
}

/** Checks events in log order. */
export class StreamCheck {
  readonly #options: StreamCheckOptions;
  /** One map per category, as a UUID may be in several; the number is as {@link REVISIONS} says. */
  readonly #byCategory = new Map<string, Fingerprints>();
  /** Streams without a UUID, such as the control stream. */
  readonly #byName = new Map<string, number>();
  // The stream of the previous event: the next event is often of this stream.
  #name: StreamName = { stream: '', category: '', share: '', uuid: '' };
  #follow: FollowStory | undefined;
  #memory: Pick<Fingerprints, 'get' | 'set'> = this.#byName;
  #key = '';
  #last = -1;
  #story: Story = 0;

  constructor(options: StreamCheckOptions) {
    this.#options = options;
  }

  /** The story of another stream than the current one; 0 for a stream without events. */
  readonly storyOf = (prefix: string, key: string): Story =>
    Math.floor((this.#byCategory.get(prefix)?.get(key) ?? 0) / REVISIONS);

  see(event: RecordedEvent): void {
    // The revision of a tombstone follows no other.
    if (isTombstone(event)) return;
    const { stream } = event;
    if (stream !== this.#name.stream) this.#switchTo(stream);
    const found = Number(event.revision);
    const next = this.#last + 1;
    const isAfterGap = found !== next;
    if (isAfterGap) this.#reportGap(event, next, found);
    if (isAfterGap) this.#story = UNKNOWN_STORY;
    this.#options.seen?.(event, this.#name, isAfterGap);
    if (this.#follow !== undefined && this.#story !== UNKNOWN_STORY)
      this.#story = this.#follow(event, this.#story, this.#name);
    this.#last = Math.max(found, this.#last);
  }

  #reportGap({ stream, position }: RecordedEvent, next: number, found: number): void {
    const gap =
      next === found - 1 ? `revision ${next} is` : `revisions ${next} to ${found - 1} are`;
    const detail = found < next ? `revision ${found} comes after ${this.#last}` : `${gap} missing`;
    this.#options.findings.add(
      'revision_gap',
      `${stream}, before ${formatPosition(position)}`,
      detail,
    );
  }

  #switchTo(stream: string): void {
    if (this.#name.stream !== '')
      this.#memory.set(
        this.#key,
        Math.min(this.#last + 1, REVISIONS - 1) + this.#story * REVISIONS,
      );
    const [, prefix, category, share, uuid] = USER_STREAM.exec(stream) ?? [];
    if (
      prefix === undefined ||
      category === undefined ||
      share === undefined ||
      uuid === undefined
    ) {
      [this.#memory, this.#key] = [this.#byName, stream];
      this.#name = { stream, category: '', share: '', uuid: '' };
    } else {
      const ofCategory = this.#byCategory.get(prefix) ?? new Fingerprints();
      this.#byCategory.set(prefix, ofCategory);
      [this.#memory, this.#key] = [ofCategory, streamKey(share, uuid)];
      this.#name = { stream, category, share, uuid };
    }
    this.#follow = this.#options.stories?.get(this.#name.category);
    const known = this.#memory.get(this.#key) ?? 0;
    this.#last = (known % REVISIONS) - 1;
    this.#story = Math.floor(known / REVISIONS);
  }
}
