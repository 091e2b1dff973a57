// Whether the log in place is the one that a worker has read. Its followers check that when they connect again; whoever
// decides something for ever by an answer of the log asks afterwards.
import { backoffMs, PROCESS_BACKOFF } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { categoryPrefix } from '../../../domain/core/ids.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { LetThrough } from '../../../projections/audit/reading/ports.ts';
import { projectionPrefixes } from '../../../projections/dedupe/classify.ts';
import { holdsLastEvent, type Follower } from '../due/same-log.ts';

type Readers = {
  /** The index of due deliveries. */
  readonly due: Follower;
  readonly list?: Follower | undefined;
  /** A projection of the same log. */
  readonly letThrough?: Pick<LetThrough, 'checkpoint'> | undefined;
};

/** False while another log is in place, for instance an older copy. */
export type IsSameLog = () => Promise<boolean>;

/** @returns a function that many may call at once, and that is false while the log lacks the last event of one of the readers */
export function knownLog(
  store: EventStore,
  kernel: string,
  { due, list, letThrough }: Readers,
): IsSameLog {
  const deliveries = categoryPrefix(kernel, 'notification');
  const channels = categoryPrefix(kernel, 'channel');
  const projection: Follower = {
    position: () => letThrough?.checkpoint()?.position,
    lastEvent: () => letThrough?.checkpoint()?.lastEvent ?? undefined,
  };
  const readers: readonly (readonly [Follower | undefined, readonly string[]])[] = [
    [due, [deliveries]],
    [list, [deliveries, channels]],
    [projection, projectionPrefixes(kernel)],
  ];
  return shared(async () => {
    for (const [reader, prefixes] of readers) {
      if (reader && !(await holdsLastEvent(reader, { store, prefixes }))) return false;
    }
    return true;
  });
}

/** Callers share a check that begins after each of them has asked: what they did before is in the log that it sees. */
function shared(check: IsSameLog): IsSameLog {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<boolean> | undefined;
  const begin = (): Promise<boolean> => {
    next = undefined;
    const checking = check();
    running = checking.catch(() => undefined);
    return checking;
  };
  return () => (next ??= running.then(begin));
}

/** What was done in a copy of the log is not done. */
export function otherLog(): TocsinError {
  const message = 'the log in place lacks events that this worker has read';
  const hint = 'The log was replaced or restored from an older copy. Put the newer log back.';
  return new TocsinError('unavailable', 'log_shorter', message, { hint });
}

/**
 * Whether what was just written is in the log, and not in a copy that was in its place; asked until an instant. The log is
 * recognised first and then asked: a copy that has what was written was in place before.
 *
 * @param holds asks the log
 * @returns `undefined` when nobody knows: the store has gone away since
 */
export async function isInLog(
  { isSameLog, runtime }: { readonly isSameLog?: IsSameLog | undefined; readonly runtime: Runtime },
  holds: () => Promise<boolean>,
  until: Instant,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (isSameLog === undefined) return true;
  for (let tries = 0; ; tries += 1) {
    try {
      return (await isSameLog()) && (await holds());
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
    }
    const waitMs = backoffMs(tries, PROCESS_BACKOFF, runtime.random);
    if (signal.aborted || runtime.now() + waitMs > until) return undefined;
    await runtime.pause(waitMs, signal);
  }
}
