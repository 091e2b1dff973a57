// The files of a log's archives, each with its record in the log.
import type { ArchiveRecord } from '../../domain/control/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { comparePositions, START_POSITION, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { logArchived, startAfter, type ArchiveSource } from './format.ts';
import { archiveEvents, headerOf, type Archive } from './read.ts';
import { archivesAfter } from '../archive-records.ts';

/** Events of an archive that are read at once where it is read backwards. */
const WINDOW_EVENTS = 50_000;

export class Archives {
  readonly #sources: readonly ArchiveSource[];
  readonly #kernel: string;
  #bySize: Promise<ReadonlyMap<number, ArchiveSource>> | undefined;
  readonly #verified = new Set<string>();

  constructor(sources: readonly ArchiveSource[], kernel: string) {
    this.#sources = sources;
    this.#kernel = kernel;
  }

  get isEmpty(): boolean {
    return this.#sources.length === 0;
  }

  /**
   * The archives with events after a position, in order.
   * @throws TocsinError `log_archived` when one of them was not given, `archive_damaged`, `archive_of_other_log`
   */
  async after(
    records: readonly ArchiveRecord[],
    from: Position | undefined,
  ): Promise<readonly Archive[]> {
    const bySize = await (this.#bySize ??= this.#open());
    const wanted = archivesAfter(records, from);
    const missing = wanted.filter((record) => !bySize.has(sizeBefore(record)));
    if (missing.length > 0) throw logArchived(missing);
    return wanted.flatMap((record) => {
      const source = bySize.get(sizeBefore(record));
      const after = startAfter(records[records.indexOf(record) - 1]);
      return source === undefined ? [] : [{ source, record, after }];
    });
  }

  /** Reads each archive once to its end, before its events cause anything. @throws TocsinError `archive_damaged` */
  async verify(archives: readonly Archive[]): Promise<void> {
    for (const archive of archives) {
      if (this.#verified.has(archive.record.hash)) continue;
      for await (const _page of archiveEvents(archive, () => false));
      this.#verified.add(archive.record.hash);
    }
  }

  async #open(): Promise<ReadonlyMap<number, ArchiveSource>> {
    const bySize = new Map<number, ArchiveSource>();
    for (const source of this.#sources) {
      const { kernel, after } = await headerOf(source);
      if (kernel !== this.#kernel) {
        const message = `${source.name} is an archive of the kernel ${kernel}, not of ${this.#kernel}`;
        throw new TocsinError('usage', 'archive_of_other_log', message, {
          hint: 'Check --archive and --name.',
        });
      }
      bySize.set(after.size, source);
    }
    return bySize;
  }
}

function sizeBefore({ tree, events }: ArchiveRecord): number {
  return tree.size - events;
}

/** The events of archives after a position, in order. */
export async function* eventsAfter(
  archives: readonly Archive[],
  from: Position = START_POSITION,
  isWanted: (stream: string) => boolean,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  for (const archive of archives) {
    for await (const page of archiveEvents(archive, isWanted)) {
      const after = page.filter(({ position }) => comparePositions(position, from) > 0);
      if (after.length > 0) yield after;
    }
  }
}

/** The events of archives before a position, newest first. Each part of a file is read again for each window. */
export async function* eventsBefore(
  archives: readonly Archive[],
  before: Position | undefined,
  isWanted: (stream: string) => boolean,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  for (const archive of archives.toReversed()) {
    let end = before;
    for (;;) {
      let window: RecordedEvent[] = [];
      for await (const page of archiveEvents(archive, isWanted)) {
        for (const event of page) {
          if (end === undefined || comparePositions(event.position, end) < 0) window.push(event);
        }
        if (window.length > 2 * WINDOW_EVENTS) window = window.slice(-WINDOW_EVENTS);
      }
      const part = window.slice(-WINDOW_EVENTS);
      if (part.length === 0) break;
      yield part.toReversed();
      end = part[0]?.position;
    }
  }
}
