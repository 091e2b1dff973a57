// Checks the request of a reader and makes a plan of it. It uses the generated class, since a read has one request.
import { status } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Direction } from '../common/reading.ts';
import type { UuidForm } from './event-frames.ts';
import { eventFilter, everything, type EventFilter } from './filter.ts';
import { streamName } from './proposed.ts';
import { invalidArgument, Refusal } from './refusal.ts';

export type From = 'start' | 'end' | bigint;

type Common = { readonly from: From; readonly resolveLinks: boolean; readonly uuids: UuidForm };

/** A read has bounds; a subscription has none. Checkpoints come after every `every` scanned events. */
export type ReadPlan = Common &
  (
    | ({ readonly kind: 'readStream'; readonly stream: string } & Bounds)
    | ({ readonly kind: 'readAll'; readonly filter: EventFilter } & Bounds)
    | { readonly kind: 'subscribeToStream'; readonly stream: string }
    | {
        readonly kind: 'subscribeToAll';
        readonly filter: EventFilter;
        readonly checkpoints: { readonly every: number } | undefined;
      }
  );

type Bounds = { readonly direction: Direction; readonly maxCount: number };

type Options = ReadReq.Options;

/** The search window of a filter without one. */
const DEFAULT_WINDOW = 32;

export function readPlan(request: ReadReq): ReadPlan | Refusal {
  const options = request.getOptions();
  if (options === undefined) return invalidArgument('a read needs options');
  if (options.hasStream() === options.hasAll()) {
    return invalidArgument('a read is of one stream or of all');
  }
  const direction: Direction =
    options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS
      ? 'backwards'
      : 'forwards';
  const subscribes = options.hasSubscription();
  if (subscribes && direction === 'backwards') {
    return invalidArgument('a subscription cannot go backwards');
  }
  const maxCount = Number(options.getCount());
  if (!subscribes && !options.hasCount()) return invalidArgument('a read needs a count');
  const uuids = options.getUuidOption()?.hasStructured() === true ? 'halves' : 'text';
  const common = { resolveLinks: options.getResolveLinks(), uuids } as const;
  const bounds = subscribes ? undefined : { direction, maxCount };
  return options.hasStream()
    ? streamPlan(options, common, bounds)
    : allPlan(options, common, bounds);
}

function streamPlan(
  options: Options,
  common: Omit<Common, 'from'>,
  bounds: Bounds | undefined,
): ReadPlan | Refusal {
  if (options.hasFilter()) return invalidArgument('a stream cannot be filtered');
  const requested = options.getStream();
  const stream = streamName(requested?.getStreamIdentifier()?.getStreamName_asU8());
  if (typeof stream !== 'string') return stream;
  if (requested === undefined) return invalidArgument('no stream');
  const from: From = requested.hasRevision()
    ? BigInt(requested.getRevision())
    : requested.hasEnd()
      ? 'end'
      : 'start';
  if (bounds === undefined) return { ...common, kind: 'subscribeToStream', stream, from };
  if (bounds.maxCount === 0 || (bounds.direction === 'forwards' && from === 'end')) {
    // The answer of EventStoreDB.
    return new Refusal(status.UNKNOWN, 'Unexpected ReadStreamResult: Error');
  }
  return { ...common, kind: 'readStream', stream, from, ...bounds };
}

function allPlan(
  options: Options,
  common: Omit<Common, 'from'>,
  bounds: Bounds | undefined,
): ReadPlan | Refusal {
  const requested = options.getAll();
  const position = requested?.getPosition();
  const from: From =
    position !== undefined
      ? BigInt(position.getCommitPosition())
      : requested?.hasEnd() === true
        ? 'end'
        : 'start';
  const wanted = options.getFilter();
  const filtered = wanted === undefined ? undefined : filterPlan(wanted);
  if (filtered instanceof Refusal) return filtered;
  const filter = filtered?.filter ?? everything;
  if (bounds === undefined) {
    const checkpoints = filtered === undefined ? undefined : { every: filtered.every };
    return { ...common, kind: 'subscribeToAll', from, filter, checkpoints };
  }
  return { ...common, kind: 'readAll', from, filter, ...bounds };
}

function filterPlan(
  options: ReadReq.Options.FilterOptions,
): { readonly filter: EventFilter; readonly every: number } | Refusal {
  const byStream = options.getStreamIdentifier();
  const terms = byStream ?? options.getEventType();
  if (terms === undefined) return invalidArgument('a filter is on stream names or event types');
  if (options.getWindowCase() === streams.ReadReq.Options.FilterOptions.WindowCase.WINDOW_NOT_SET) {
    return invalidArgument('a filter needs a window');
  }
  const window = options.hasMax() ? options.getMax() : DEFAULT_WINDOW;
  const multiplier = options.getCheckpointintervalmultiplier();
  if (window === 0 || multiplier === 0) {
    return invalidArgument("a filter's window and checkpoint interval must be above 0");
  }
  const filter = eventFilter({
    on: byStream === undefined ? 'type' : 'stream',
    prefixes: terms.getPrefixList(),
    regex: terms.getRegex(),
  });
  return filter instanceof Refusal ? filter : { filter, every: window * multiplier };
}
