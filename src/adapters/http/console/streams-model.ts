// A page of events: of one stream forwards, or of the whole log backwards.
import type { StreamsModel } from '../../../console/pages/streams.ts';
import { DEFAULT_KERNEL_NAME } from '../../../domain/core/ids.ts';
import { formatPosition, parsePosition } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { ConsoleOptions } from './options.ts';
import { meant, numberIn, type Address } from './query.ts';

const PAGE = 25;

export async function streamsModel(
  { store, name = DEFAULT_KERNEL_NAME }: Pick<ConsoleOptions, 'store' | 'name'>,
  stream: string | undefined,
  address: Address,
): Promise<StreamsModel> {
  if (stream === undefined) {
    const from = meant(address, 'before', 'place', parsePosition);
    const prefixes = [`${name}.`];
    const options = { direction: 'backwards', prefixes, from, maxCount: PAGE } as const;
    const events = await collected(store.readAll(options));
    const last = events.length === PAGE ? events.at(-1) : undefined;
    const next = last === undefined ? null : { before: formatPosition(last.position) };
    return { stream, events, next };
  }
  // Streams of others in the same store are not shown.
  if (!stream.startsWith(`${name}.`)) return { stream, events: [], next: null };
  const from = numberIn(address, 'from') ?? 0n;
  const options = { direction: 'forwards', from, maxCount: PAGE } as const;
  const events = await collected(store.readStream(stream, options));
  const last = events.length === PAGE ? events.at(-1) : undefined;
  const next = last === undefined ? null : { from: String(last.revision + 1n) };
  return { stream, events, next };
}

async function collected(
  pages: AsyncIterable<readonly RecordedEvent[]>,
): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of pages) events.push(...page);
  return events;
}
