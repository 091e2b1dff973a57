// Progress of a read of the whole log: count, rate and time left. The time left follows from the current
// position between the first and the last; positions are not dense, but even enough.
import type { Position } from '../../domain/core/positions.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import type { ReadableLog } from '../../projections/audit/reading/ports.ts';
import { rate, type Terminal } from '../terminal/terminal.ts';

/** Reports the number of events read, and the position of the last one. */
export type LogProgress = (events: number, at?: Position) => void;

/** Progress on a terminal; does nothing elsewhere. */
export async function logProgress(
  log: ReadableLog,
  kernel: string,
  terminal: Terminal,
  startedAt: number,
): Promise<LogProgress> {
  const prefixes = projectionPrefixes(kernel);
  const edge = async (direction: 'forwards' | 'backwards'): Promise<bigint> => {
    for await (const [event] of log.readAll({ direction, prefixes, maxCount: 1 })) {
      return event?.position.commit ?? 0n;
    }
    return 0n;
  };
  const first = await edge('forwards');
  const last = await edge('backwards');
  return (events, at) => {
    terminal.progress(() => {
      const done = at === undefined ? 0 : share(first, at.commit, last);
      const seconds = (performance.now() - startedAt) / 1000;
      const left = done <= 0 ? '' : `, ${timeLeft((seconds * (1 - done)) / done)} left`;
      return `${events.toLocaleString('en')} events, ${rate(events, startedAt)}${left}`;
    });
  };
}

function share(first: bigint, at: bigint, last: bigint): number {
  if (last <= first) return 1;
  return Math.min(1, Number(at - first) / Number(last - first));
}

/** "12 s", "3 min". */
export function timeLeft(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
