// The archives that a log has recorded. A reader asks again while it reads: an archive is recorded before the first event
// leaves the log, so a page that was read before an archive was recorded is whole.
import { controlCodec } from '../domain/control/events.ts';
import type { ArchiveRecord } from '../domain/control/state.ts';
import { controlStream } from '../domain/core/ids.ts';
import { comparePositions, START_POSITION, type Position } from '../domain/core/positions.ts';
import type { EventStore } from '../domain/ports/event-store.ts';

export class ArchiveRecords {
  readonly #log: Pick<EventStore, 'readStream'>;
  readonly #stream: string;
  #records: readonly ArchiveRecord[] = [];
  /** The revision of the next event of the control stream. */
  #next = 0n;

  constructor(log: Pick<EventStore, 'readStream'>, kernel: string) {
    this.#log = log;
    this.#stream = controlStream(kernel);
  }

  /** As they were read last. */
  get known(): readonly ArchiveRecord[] {
    return this.#records;
  }

  /** Reads what has come since the last call. */
  async read(): Promise<readonly ArchiveRecord[]> {
    const options = { direction: 'forwards', from: this.#next } as const;
    for await (const page of this.#log.readStream(this.#stream, options)) {
      for (const recorded of page) {
        this.#next = recorded.revision + 1n;
        if (recorded.type !== 'LogArchived') continue;
        const decoded = controlCodec.decode(recorded);
        // An event that cannot be read stops the readers of the control stream.
        if (decoded.kind !== 'event' || decoded.event.type !== 'LogArchived') continue;
        this.#records = [...this.#records, decoded.event.data];
      }
    }
    return this.#records;
  }
}

/** The archives with events after a position. */
export function archivesAfter(
  records: readonly ArchiveRecord[],
  from: Position = START_POSITION,
): readonly ArchiveRecord[] {
  return records.filter(({ upTo }) => comparePositions(upTo, from) > 0);
}
