// Shared by the recordings of subscriptions to `$all`: their logs, places and filters.
import type { Client } from '@grpc/grpc-js';
import { objectOf, rowsIn, textIn, type Recording } from './format.ts';
import { type NamedLog } from './log.ts';
import { appendInBatch, openRead } from './calls.ts';
import { anEvent, encodeFilter, encodeRead, ofAll, ofStream, type WirePlace } from './wire.ts';

export const GROUP = '$persistentsubscription-$all::group-checkpoint';

export const append = (client: Client, stream: string, count = 1, data = '{}'): Promise<unknown> =>
  appendInBatch(
    client,
    stream,
    'any',
    Array.from({ length: count }, () => anEvent({ data })),
  );

/** The places of hidden records, which only readers of their stream see. */
export async function hiddenPlaces(client: Client): Promise<Map<bigint, string>> {
  const places = new Map<bigint, string>();
  for (const stream of ['$epoch-information', GROUP]) {
    const read = openRead(client, encodeRead({ of: ofStream(stream, 'start') }));
    await read.until(() => false, 5_000);
    for (const message of read.messages) {
      const event = message.getEvent();
      if (event === undefined) continue;
      const revision = event.getEvent()?.getStreamRevision() ?? '';
      places.set(BigInt(event.getCommitPosition()), `${stream} ${revision}`);
    }
  }
  return places;
}

/** The place that a recording names. */
export function startOf(from: unknown, log: NamedLog, hidden: ReadonlyMap<bigint, string>) {
  if (from === 'start' || from === 'end') return from;
  const named = objectOf(from);
  const { prepare } = named;
  const commit = placeOf(named, log, hidden);
  const second = prepare === undefined ? commit : placeOf(objectOf(prepare), log, hidden);
  return { commit, prepare: second } satisfies WirePlace;
}

function placeOf(named: Recording, log: NamedLog, hidden: ReadonlyMap<bigint, string>): bigint {
  if (named['none'] === '0') return 0n;
  if (named['hidden'] !== undefined) {
    const found = [...hidden].find(([, name]) => name === named['hidden']);
    if (found !== undefined) return found[0];
  }
  if (typeof named['event'] === 'number') return log.placeOf(named['event']);
  const after = Number(named['after']);
  return after >= log.last ? log.placeOf(log.last) + 1_000_000n : log.placeOf(after) + 1n;
}

export function filterOf(text: string): Buffer[] | undefined {
  const prefix = /^prefix (.+)$/.exec(text)?.[1];
  return prefix === undefined
    ? undefined
    : encodeFilter({ prefixes: [prefix], multiplier: 1_000, window: 32 });
}

export function subscribe(
  client: Client,
  from: 'start' | 'end' | WirePlace,
  filter: Buffer[] | undefined,
) {
  return openRead(
    client,
    encodeRead({ of: ofAll(from), subscription: true, ...(filter !== undefined && { filter }) }),
  );
}

/** Writes the events of a recorded log one after another, as its scenario goes on. */
export function writer(client: Client, log: unknown) {
  const streams = rowsIn(log).flatMap((row) => {
    const [first = 0, last = first] = textIn(row, 'events').split('-').map(Number);
    return Array.from({ length: last - first + 1 }, () => textIn(row, 'stream'));
  });
  // Event 0 is there from the beginning.
  let next = 1;
  return {
    config: streams.indexOf('$persistentSubscriptionConfig'),
    last: streams.length - 1,
    next: () => next,
    async to(last: number): Promise<void> {
      for (; next <= last; next += 1) await append(client, streams[next] ?? '');
    },
  };
}
