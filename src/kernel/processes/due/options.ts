// What a due process is made of; its two halves share it.
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { DueEntry, DueIndex } from './due-index.ts';

/** What one event changes about the rows; absent parts change nothing. */
export type DueChange = {
  readonly put?: readonly DueEntry[];
  readonly remove?: readonly string[];
};

export type DueProcessOptions = Runtime & {
  /** The process's name; logs and metrics have it. */
  readonly name: string;
  /** Opened for this process alone; whoever opened it disposes it, after the process ended. */
  readonly index: DueIndex;
  readonly store: EventStore;
  /** Starts of the names of the streams that `step` is about. */
  readonly prefixes: readonly string[];
  /** Pure and total: what an event changes about the rows. Events come in log order. */
  readonly step: (event: RecordedEvent) => DueChange | undefined;
  /**
   * Does what is due. It may be called again for what is done already: after a crash, and by another
   * worker at the same time; so it looks at the stream first. What it throws is logged, and the row is
   * tried again with backoff, up to 30 s, while others go on.
   */
  readonly handle: (entry: DueEntry, signal: AbortSignal) => Promise<void>;
  /** Rows handled at once; default 64. */
  readonly concurrency?: number;
  readonly logger?: Logger;
  /** Told each time that everything that was in the log is in the rows; for tests and health. */
  readonly onCaughtUp?: () => void;
};
