// Streams that stay in the log although they may be closed.
import { categoryPrefix } from '../../domain/core/ids.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { firstOf } from '../../projections/last-seen.ts';
import type { ParkedRow } from '../../projections/read-model.ts';

/**
 * Those of parked events, which an operator may retry; and for each kind of follower the stream of its last event up to the
 * end of the archives, by which it recognises the log when it continues.
 */
export async function neededStreams(
  log: Pick<EventStore, 'readAll'>,
  kernel: string,
  upTo: Position,
  parked: readonly ParkedRow[],
): Promise<ReadonlySet<string>> {
  const needed = new Set(parked.map(({ stream }) => stream));
  const prefixes = [
    ...(['trigger', 'idempotency', 'notification'] as const).map((one) =>
      categoryPrefix(kernel, one),
    ),
    `${kernel}.`,
  ];
  for (const prefix of prefixes) {
    const before = { direction: 'backwards', prefixes: [prefix], from: upTo, maxCount: 1 } as const;
    const last = await firstOf(log.readAll(before));
    if (last !== undefined) needed.add(last.stream);
    const after = { direction: 'forwards', prefixes: [prefix], from: last?.position } as const;
    const next = await firstOf(log.readAll({ ...after, maxCount: 1 }));
    // The event at the end itself.
    if (next !== undefined && comparePositions(next.position, upTo) <= 0) needed.add(next.stream);
  }
  return needed;
}
