// The options of a due process.
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { Telemetry } from '../../../domain/ports/telemetry.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { DueEntry, DueIndex } from './due-index.ts';

/** What one event changes in the rows; absent parts change nothing. */
export type DueChange = {
  readonly put?: readonly DueEntry[];
  readonly remove?: readonly string[];
};

export type DueProcessOptions = Runtime & {
  /** The process's name; logs and metrics have it. */
  readonly name: string;
  /** Opened for this process alone; the caller disposes it after the process ended. */
  readonly index: DueIndex;
  readonly store: EventStore;
  /** Name prefixes of the streams that `changeOf` reads. */
  readonly prefixes: readonly string[];
  /** Pure and total. Events come in log order. */
  readonly changeOf: (event: RecordedEvent) => DueChange | undefined;
  /**
   * Handles a due row. It may be called again for a row that is handled already, after a crash or by
   * another worker at the same time, so it reads the stream first. What it throws is logged, and the row
   * is tried again with backoff, up to 30 s, while other rows go on.
   */
  readonly handle: (entry: DueEntry, signal: AbortSignal) => Promise<void>;
  /** Rows handled at once; default 64. */
  readonly concurrency?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Gets how many rows wait, and how many were handled. Default: none. */
  readonly telemetry?: Telemetry | undefined;
  /** Called each time that the rows contain the whole log; for tests and health. */
  readonly onCaughtUp?: (() => void) | undefined;
};
