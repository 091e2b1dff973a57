// A log whose older events are partly in archives, read as one log. Positions are the same in both, so nothing that reads it
// can tell the difference. Without the archives it refuses to be read from before their end: another history would come out.
import type { Instant } from '../../domain/core/instants.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { comparePositions, START_POSITION, type Position } from '../../domain/core/positions.ts';
import { isTombstone, type RecordedEvent } from '../../domain/core/recorded-event.ts';
import type {
  EventStore,
  ReadAllOptions,
  ReadStreamOptions,
  SubscribeOptions,
  SubscriptionEntry,
} from '../../domain/ports/event-store.ts';
import type { ReadableLog } from '../audit/reading/ports.ts';
import { recordedAtOf } from '../audit/reading/reading.ts';
import { placeOf } from '../last-seen.ts';
import { leafEvent, leafText } from '../notary/leaf.ts';
import { Archives, eventsAfter, eventsBefore } from './archives.ts';
import { archiveDamaged, archivedMeanwhile, logArchived, type ArchiveSource } from './format.ts';
import { ArchiveRecords, archivesAfter } from '../archive-records.ts';

/** No archive takes events that are younger, see domain/control/archive-age.ts; half of it is room for clocks. */
const YOUNG_MS = 12 * 60 * 60 * 1000;

export type ArchivedLogOptions = {
  readonly kernel: string;
  /** The files of all archives; none: the log is refused where an archive is needed. */
  readonly archives: readonly ArchiveSource[];
  readonly now: () => Instant;
  /** Checks an archive to its end before its first event is used: for readers that cannot take back what they did. */
  readonly verifiesFirst?: boolean;
};

type Pages = AsyncGenerator<readonly RecordedEvent[], void, undefined>;

/** The log for reading, with its archives. */
export function archivedLog(log: ReadableLog, options: ArchivedLogOptions): ReadableLog {
  const reader = new ArchivedReader(log, options);
  return {
    readAll: (read) =>
      read.direction === 'forwards' ? reader.forwards(read) : reader.backwards(read),
    readStream: (stream, read) => reader.stream(stream, read),
  };
}

/** The store, with its archives. */
export function archivedStore(store: EventStore, options: ArchivedLogOptions): EventStore {
  const reader = new ArchivedReader(store, options);
  return {
    ...archivedLog(store, options),
    append: (...args) => store.append(...args),
    subscribeAll: (subscribe) => reader.subscription(store, subscribe),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

class ArchivedReader {
  readonly #log: ReadableLog;
  readonly #options: ArchivedLogOptions;
  readonly #records: ArchiveRecords;
  readonly #archives: Archives;

  constructor(log: ReadableLog, options: ArchivedLogOptions) {
    this.#log = log;
    this.#options = options;
    this.#records = new ArchiveRecords(log, options.kernel);
    this.#archives = new Archives(options.archives, options.kernel);
  }

  async *forwards(options: ReadAllOptions): Pages {
    let left = options.maxCount ?? Infinity;
    let from = options.from;
    if (left <= 0) return;
    for await (const page of this.#archived(options)) {
      yield page.slice(0, left);
      left -= page.length;
      if (left <= 0) return;
    }
    from = later(from, this.#upTo);
    const live = { ...options, from, ...(left === Infinity ? {} : { maxCount: left }) };
    const watch = new Watch(this.#records, this.#options.now, from);
    for await (const page of this.#log.readAll(live)) {
      await watch.page(page, page.at(-1)?.position);
      yield page;
    }
    await watch.end();
  }

  async *backwards(options: ReadAllOptions): Pages {
    const records = await this.#records.read();
    const upTo = this.#upTo;
    let left = options.maxCount ?? Infinity;
    let before = options.from;
    if (upTo === undefined) {
      yield* this.#log.readAll(options);
      return;
    }
    if (before === undefined || comparePositions(before, upTo) > 0) {
      for await (const page of this.#log.readAll(options)) {
        const end = page.findIndex(({ position }) => comparePositions(position, upTo) <= 0);
        const newer = end === -1 ? page : page.slice(0, end);
        if (newer.length > 0) yield newer;
        left -= newer.length;
        if (left <= 0) return;
        if (end !== -1) break;
      }
      before = undefined;
    }
    const archives = await this.#archives.after(records, undefined);
    for await (const page of eventsBefore(archives, before, matcher(options.prefixes))) {
      yield page.slice(0, left);
      left -= page.length;
      if (left <= 0) return;
    }
  }

  /** A stream is whole in the log, or in the archives. */
  async *stream(stream: string, options: ReadStreamOptions): Pages {
    let isThere = false;
    for await (const page of this.#log.readStream(stream, options)) {
      isThere = true;
      yield page;
    }
    if (isThere || this.#archives.isEmpty || stream === controlStream(this.#options.kernel)) return;
    const any = { direction: 'backwards', maxCount: 1 } as const;
    for await (const page of this.#log.readStream(stream, any)) if (page.length > 0) return;
    const records = await this.#records.read();
    const events: RecordedEvent[] = [];
    const archives = await this.#archives.after(records, undefined);
    for await (const page of eventsAfter(archives, undefined, (name) => name === stream)) {
      events.push(...page.filter((event) => !isTombstone(event)));
    }
    const found = ofRead(events, options);
    if (found.length > 0) yield found;
  }

  async *subscription(
    store: EventStore,
    options: SubscribeOptions,
  ): AsyncGenerator<readonly SubscriptionEntry[], void, undefined> {
    let { from } = options;
    for await (const page of this.#archived(options)) {
      if (options.signal?.aborted === true) return;
      yield page.map((event) => ({ kind: 'event', event }));
    }
    if (from !== later(from, this.#upTo)) from = later(from, this.#upTo);
    const watch = new Watch(this.#records, this.#options.now, from);
    for await (const page of store.subscribeAll({ ...options, from })) {
      const events = page.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : []));
      const reached = page.map(placeOf).findLast((place) => place !== undefined);
      await watch.page(events, reached);
      yield page;
    }
  }

  get #upTo(): Position | undefined {
    return this.#records.known.at(-1)?.upTo;
  }

  /**
   * The events of the archives after `from`, or none where `from` is behind them.
   * @throws TocsinError `log_archived` where an archive is missing
   */
  async *#archived({ from, prefixes }: Pick<ReadAllOptions, 'from' | 'prefixes'>): Pages {
    const records = await this.#records.read();
    const needed = archivesAfter(records, from);
    if (needed.length === 0) return;
    if (this.#archives.isEmpty) throw logArchived(needed);
    const archives = await this.#archives.after(records, from);
    if (this.#options.verifiesFirst === true) await this.#archives.verify(archives);
    const upTo = this.#upTo ?? START_POSITION;
    // What is left in the log must be what the archives hold.
    const live = new Lockstep(this.#log, { from, prefixes }, upTo);
    for await (const page of eventsAfter(archives, from, matcher(prefixes))) {
      yield await live.merged(page);
    }
    await live.end();
  }
}

/** The events that are left in the log up to the end of its archives, beside those of the archives. */
class Lockstep {
  readonly #events: AsyncGenerator<RecordedEvent, undefined, undefined>;
  #next: RecordedEvent | undefined;
  #isBegun = false;

  constructor(log: ReadableLog, read: Pick<ReadAllOptions, 'from' | 'prefixes'>, upTo: Position) {
    this.#events = eventsUpTo(log, read, upTo);
  }

  /** The page with the events of the log where it still has them. @throws TocsinError where they differ */
  async merged(page: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    if (!this.#isBegun) await this.#step();
    this.#isBegun = true;
    const merged: RecordedEvent[] = [];
    for (const archived of page) {
      const live = this.#next;
      const order = live === undefined ? 1 : comparePositions(live.position, archived.position);
      if (live === undefined || order > 0) {
        merged.push(archived);
        continue;
      }
      if (order < 0 || leafText(leafEvent(live)) !== leafText(leafEvent(archived))) {
        throw differs(live);
      }
      merged.push(live);
      await this.#step();
    }
    return merged;
  }

  async end(): Promise<void> {
    if (!this.#isBegun) await this.#step();
    if (this.#next !== undefined) throw differs(this.#next);
  }

  async #step(): Promise<void> {
    this.#next = (await this.#events.next()).value;
  }
}

async function* eventsUpTo(
  log: ReadableLog,
  read: Pick<ReadAllOptions, 'from' | 'prefixes'>,
  upTo: Position,
): AsyncGenerator<RecordedEvent, undefined, undefined> {
  for await (const page of log.readAll({ direction: 'forwards', ...read })) {
    for (const event of page) {
      if (comparePositions(event.position, upTo) > 0) return undefined;
      // A server's mark of a removed stream is no event of the archive.
      if (!isTombstone(event)) yield event;
    }
  }
  return undefined;
}

function differs({ stream, revision }: RecordedEvent) {
  const what = `event ${revision} of ${stream} is not in the log as it is in the archive`;
  return archiveDamaged('the archive', what);
}

/** Notices an archive that was recorded while the log was read. */
class Watch {
  readonly #records: ArchiveRecords;
  readonly #now: () => Instant;
  #start: Position | undefined;
  /** When the last event that was read was recorded; what follows it is about as young. */
  #lastAt: Instant | undefined;

  constructor(records: ArchiveRecords, now: () => Instant, start: Position | undefined) {
    this.#records = records;
    this.#now = now;
    this.#start = start;
  }

  /** Takes a page that was read after the last place. @throws TocsinError `log_archived` when it may lack events */
  async page(events: readonly RecordedEvent[], reached: Position | undefined): Promise<void> {
    if (this.#lastAt === undefined || this.#now() - this.#lastAt > YOUNG_MS) await this.end();
    this.#start = reached ?? this.#start;
    const last = events.at(-1);
    if (last !== undefined) this.#lastAt = recordedAtOf(last);
  }

  /** @throws TocsinError `log_archived` when an archive goes beyond the place that was read last */
  async end(): Promise<void> {
    const records = await this.#records.read();
    if (archivesAfter(records, this.#start).length > 0) throw archivedMeanwhile();
  }
}

function matcher(prefixes: readonly string[]): (stream: string) => boolean {
  if (prefixes.length === 0) return () => true;
  return (stream) => prefixes.some((prefix) => stream.startsWith(prefix));
}

function later(from: Position | undefined, upTo: Position | undefined): Position | undefined {
  if (upTo === undefined) return from;
  return from !== undefined && comparePositions(from, upTo) > 0 ? from : upTo;
}

function ofRead(
  events: readonly RecordedEvent[],
  { direction, from, maxCount = Infinity }: ReadStreamOptions,
): readonly RecordedEvent[] {
  const isForwards = direction === 'forwards';
  const inRange = events.filter(
    ({ revision }) => from === undefined || (isForwards ? revision >= from : revision <= from),
  );
  return (isForwards ? inRange : inRange.toReversed()).slice(0, maxCount);
}
