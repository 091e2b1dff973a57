// The two functions of a host's store of requests. They may throw, hang or answer anything: the relay logs it, waits and
// tries again, and its stop does not wait for them for long.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { isOver } from '../../domain/core/signals.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import { callHost } from '../decider/host-calls.ts';
import type { PendingRaise, RaiseSource, SettledRaise } from './raise-source.ts';

/** How long one call may take, in milliseconds. */
const CALL_MS = 30_000;
/** How long a relay that stops waits for results that are being stored, in milliseconds. */
const STOP_MS = 5_000;

export type HostStore = {
  /** `undefined` after an error, and after the stop. */
  readonly pending: (limit: number) => Promise<readonly PendingRaise[] | undefined>;
  /** False after an error: the rows come again. */
  readonly settled: (results: readonly SettledRaise[]) => Promise<boolean>;
};

/**
 * Calls the functions of `source`. After an error that is not rethrown it waits, longer after each.
 *
 * @throws unknown with `rethrows`, the error of a function, or TocsinError `host_timeout`, `invalid_rows`
 */
export function hostStore(
  source: RaiseSource,
  options: {
    readonly runtime: Pick<Runtime, 'pause' | 'random'>;
    readonly logger: Logger;
    readonly signal: AbortSignal;
    readonly rethrows: boolean;
  },
): HostStore {
  const { runtime, logger, signal, rethrows } = options;
  const { name } = source;
  let failures = 0;
  const attempt = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      const answer = await call();
      failures = 0;
      return answer;
    } catch (error) {
      if (isOver(signal)) return undefined;
      if (rethrows) throw error;
      const waitMs = backoffMs(failures, PROCESS_BACKOFF, runtime.random);
      failures += 1;
      const about = { source: name, err: error, waitMs: Math.round(waitMs) };
      logger.error(about, 'the host’s store of requests failed; trying again');
      await runtime.pause(waitMs, signal);
      return undefined;
    }
  };
  return {
    pending: (limit) =>
      attempt(async () => {
        const call = { what: `\`pending\` of the source ${name}`, ms: CALL_MS, stop: signal };
        const rows: unknown = await callHost(runtime, call, (late) => source.pending(limit, late));
        assertRows(rows, name);
        return rows;
      }),
    settled: async (results) => {
      const isStored = await attempt(() =>
        withGrace(runtime, signal, async (stop) => {
          const call = { what: `\`settled\` of the source ${name}`, ms: CALL_MS, stop };
          await callHost(runtime, call, (late) => source.settled(results, late));
          return true;
        }),
      );
      if (isStored !== true && isOver(signal)) {
        const about = { source: name, count: results.length };
        logger.warn(about, 'results were not stored before the stop; their requests come back');
      }
      return isStored === true;
    },
  };
}

/** Runs `work` with a signal that is raised some time after `signal`. */
async function withGrace<T>(
  { pause }: Pick<Runtime, 'pause'>,
  signal: AbortSignal,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const done = new AbortController();
  const onStop = (): void => {
    void pause(STOP_MS, done.signal).then(() => {
      stop.abort(signal.reason);
    });
  };
  if (isOver(signal)) onStop();
  else signal.addEventListener('abort', onStop, { once: true });
  try {
    return await work(stop.signal);
  } finally {
    done.abort();
    signal.removeEventListener('abort', onStop);
  }
}

function assertRows(rows: unknown, name: string): asserts rows is readonly PendingRaise[] {
  const wrong = (what: string): TocsinError =>
    new TocsinError('usage', 'invalid_rows', `\`pending\` of the source ${name} gave ${what}`, {
      hint: 'Return a list of { key, input }, where each key is text; an empty list when nothing is pending.',
    });
  if (!Array.isArray(rows)) throw wrong(rows === null ? 'null' : typeof rows);
  const index = rows.findIndex((row: unknown) => !isRow(row));
  if (index >= 0) throw wrong(`a row without a key that is text, as number ${index + 1}`);
}

function isRow(row: unknown): boolean {
  if (typeof row !== 'object' || row === null || !('key' in row)) return false;
  return typeof row.key === 'string' && row.key !== '';
}
