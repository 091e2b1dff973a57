// The state of each part of a daemon. Health and metrics read it.
import type { Logger } from '../../domain/ports/logger.ts';
import type { ProcessReport } from './due/process.ts';

/** A part of a daemon at one moment, such as a process of a worker. */
export type PartStatus = {
  readonly name: string;
  /** `waiting`: it cannot go on by itself, for the `reason`. `stopped`: before its start, and after its end. */
  readonly state: 'stopped' | 'running' | 'waiting';
  /** For how long it has been in this state, in seconds. */
  readonly seconds: number;
  /** What it waits for, without secrets. */
  readonly reason?: string | undefined;
};

type Entry = Pick<PartStatus, 'state' | 'reason'> & {
  readonly since: number;
  /** The log line of a wait, which is to come or was written. */
  readonly line?: NodeJS.Timeout | undefined;
};

/** As for readiness: a shorter wait, such as for the stream at a first start, is no log line. */
const LOG_AFTER_MS = 10_000;

/** Logs when a part waits, and when it goes on. */
export function partBoard(names: readonly string[], logger: Logger) {
  const entries = new Map<string, Entry>();
  const logWait = (part: string): void => {
    logger.warn({ part, reason: entries.get(part)?.reason }, 'a part waits');
  };
  const set = (part: string, state: Entry['state'], reason?: string): void => {
    const before = entries.get(part);
    const now = performance.now();
    if (before?.state === state) {
      entries.set(part, { ...before, reason });
      return;
    }
    const line = state === 'waiting' ? setTimeout(logWait, LOG_AFTER_MS, part).unref() : undefined;
    entries.set(part, { state, reason, since: now, line });
    if (before?.state !== 'waiting') return;
    clearTimeout(before.line);
    const ms = now - before.since;
    if (state !== 'running' || ms < LOG_AFTER_MS) return;
    const seconds = Math.round(ms / 1000);
    logger.info({ part, seconds, after: before.reason }, 'a part goes on');
  };
  const isStopped = (part: string): boolean => entries.get(part)?.state === 'stopped';
  for (const name of names) set(name, 'stopped');
  return {
    started: (part: string): void => {
      set(part, 'running');
    },
    stopped: (part: string): void => {
      set(part, 'stopped');
    },
    /** For the part itself. What it tells after its end does not count. */
    reportOf: (part: string): ProcessReport => ({
      works: () => {
        if (!isStopped(part)) set(part, 'running');
      },
      waits: (reason) => {
        if (!isStopped(part)) set(part, 'waiting', reason);
      },
    }),
    status: (): readonly PartStatus[] =>
      Array.from(entries, ([name, { state, reason, since }]) => ({
        name,
        state,
        seconds: (performance.now() - since) / 1000,
        ...(reason === undefined ? {} : { reason }),
      })),
  };
}
