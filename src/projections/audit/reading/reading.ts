// The kernel's streams in log order, up to a fixed end.
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { inPages } from '../../dedupe/session.ts';
import type { ReadableLog } from './ports.ts';

/** Every stream of the kernel's, up to the head as it was at the start. */
export async function* kernelEvents(
  log: ReadableLog,
  kernel: string,
  head: Position | undefined,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  if (head === undefined) return;
  for await (const events of log.readAll({ direction: 'forwards', prefixes: [`${kernel}.`] })) {
    for (const page of inPages(events)) {
      const [own] = splitAt(page, head);
      if (own.length > 0) yield own;
      if (own.length < page.length) return;
    }
  }
}

/** The last event of the kernel's streams; `undefined` in an empty log. */
export async function headOf(log: ReadableLog, kernel: string): Promise<Position | undefined> {
  const prefixes = [`${kernel}.`];
  for await (const [event] of log.readAll({ direction: 'backwards', prefixes, maxCount: 1 })) {
    return event?.position;
  }
  return undefined;
}

/** Events up to a position, and those after it; without a position all are after it. */
export function splitAt(
  events: readonly RecordedEvent[],
  at: Position | undefined,
): readonly [readonly RecordedEvent[], readonly RecordedEvent[]] {
  if (at === undefined) return [[], events];
  const last = events.at(-1);
  if (last === undefined || comparePositions(last.position, at) <= 0) return [events, []];
  const index = events.findIndex(({ position }) => comparePositions(position, at) > 0);
  return [events.slice(0, index), events.slice(index)];
}
