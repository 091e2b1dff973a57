// Checks the request of a reader and makes a plan of it. It uses the generated class, since a read has one request.
import { status } from '@grpc/grpc-js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Direction } from '../common/reading.ts';
import { AppendFault } from './append-fault.ts';
import type { UuidForm } from './event-frames.ts';
import { eventFilter, everything, type FilterTerms, type TestedFilter } from './filter.ts';
import { streamName } from './proposed.ts';
import { isNoStart, placeIn, revisionIn, type Place } from './read-start.ts';
import { invalidArgument, Refusal, senseless, type NoAnswer } from './refusal.ts';
import type { Like } from './server-version.ts';

type Common = { readonly resolveLinks: boolean; readonly uuids: UuidForm };
type OfStream = { readonly stream: string; readonly from: 'start' | 'end' | bigint };
type OfAll = TestedFilter & { readonly from: 'start' | 'end' | Place };

/** A read has bounds; a subscription has none. */
export type ReadPlan = Common &
  (
    | ({ readonly kind: 'readStream' } & OfStream & Bounds)
    | ({ readonly kind: 'readAll' } & OfAll & Bounds)
    | ({ readonly kind: 'subscribeToStream' } & OfStream)
    | ({ readonly kind: 'subscribeToAll'; readonly checkpoints: Checkpoints | undefined } & OfAll)
  );

/** Checkpoints come after every `window` times `multiplier` events that were looked at. */
export type Checkpoints = { readonly window: number; readonly multiplier: number };

type Bounds = { readonly direction: Direction; readonly maxCount: number };

type Options = ReadReq.Options;

/** The search window of a filter without one. */
const DEFAULT_WINDOW = 32;

export function readPlan(request: ReadReq, like: Like): ReadPlan | Refusal | NoAnswer {
  const options = request.getOptions();
  if (options === undefined) return senseless(like, 'a read needs options');
  if (options.hasStream() === options.hasAll()) {
    return senseless(like, 'a read is of one stream or of all');
  }
  const isBackwards =
    options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  const subscribes = options.hasSubscription();
  const hasFilter = options.hasFilter();
  if (
    (subscribes && isBackwards) ||
    (!subscribes && !options.hasCount()) ||
    (options.hasStream() && hasFilter) ||
    (!hasFilter && !options.hasNoFilter())
  ) {
    return invalidCombination(options, isBackwards);
  }
  const uuid = options.getUuidOption();
  if (uuid?.hasStructured() !== true && uuid?.hasString() !== true) {
    // EventStoreDB 23.10 never answers.
    if (like === '23.10') return subscribes ? 'confirmation' : 'silence';
    return invalidArgument(like === undefined ? 'a read needs the form of event ids' : '');
  }
  const uuids = uuid.hasStructured() ? 'halves' : 'text';
  const common = { resolveLinks: options.getResolveLinks(), uuids } as const;
  const direction: Direction = isBackwards ? 'backwards' : 'forwards';
  const bounds = subscribes ? undefined : { direction, maxCount: Number(options.getCount()) };
  return options.hasStream()
    ? streamPlan(options, common, bounds, like)
    : allPlan(options, common, bounds, like);
}

/** As servers name the options that do not go together. */
function invalidCombination(options: Options, isBackwards: boolean): Refusal {
  const parts = [
    options.hasStream() ? 'Stream' : 'All',
    options.hasSubscription() ? 'Subscription' : options.hasCount() ? 'Count' : 'None',
    isBackwards ? 'Backwards' : 'Forwards',
    options.hasFilter() ? 'Filter' : options.hasNoFilter() ? 'NoFilter' : 'None',
  ];
  return invalidArgument(`The combination of (${parts.join(', ')}) is invalid.`);
}

function streamPlan(
  options: Options,
  common: Common,
  bounds: Bounds | undefined,
  like: Like,
): ReadPlan | Refusal | NoAnswer {
  const requested = options.getStream();
  const stream = streamName(requested?.getStreamIdentifier()?.getStreamName_asU8());
  if (stream instanceof AppendFault) return stream.asStatus(like);
  const from = revisionIn(requested, bounds === undefined, like);
  if (isNoStart(from)) return from;
  if (bounds === undefined) return { ...common, kind: 'subscribeToStream', stream, from };
  if (bounds.maxCount === 0 || (bounds.direction === 'forwards' && from === 'end')) {
    // The answer of EventStoreDB.
    return new Refusal(status.UNKNOWN, 'Unexpected ReadStreamResult: Error');
  }
  return { ...common, kind: 'readStream', stream, from, ...bounds };
}

function allPlan(
  options: Options,
  common: Common,
  bounds: Bounds | undefined,
  like: Like,
): ReadPlan | Refusal | NoAnswer {
  const from = placeIn(options.getAll(), like);
  if (isNoStart(from)) return from;
  const wanted = options.getFilter();
  const filtered =
    wanted === undefined ? undefined : filterPlan(wanted, bounds === undefined, like);
  if (filtered instanceof Refusal || typeof filtered === 'string') return filtered;
  // EventStoreDB looks for the next zero events for ever.
  if (bounds?.maxCount === 0 && like !== undefined) return 'silence';
  const tested = filtered?.tested ?? { filter: everything };
  if (bounds === undefined) {
    const checkpoints = filtered?.checkpoints;
    return { ...common, kind: 'subscribeToAll', from, ...tested, checkpoints };
  }
  return { ...common, kind: 'readAll', from, ...tested, ...bounds };
}

type FilterPlan = { readonly tested: TestedFilter; readonly checkpoints: Checkpoints };

function filterPlan(
  options: ReadReq.Options.FilterOptions,
  subscribes: boolean,
  like: Like,
): FilterPlan | Refusal | NoAnswer {
  const byStream = options.getStreamIdentifier();
  const expression = byStream ?? options.getEventType();
  if (expression === undefined) {
    return senseless(like, 'a filter is on stream names or event types');
  }
  if (options.getWindowCase() === streams.ReadReq.Options.FilterOptions.WindowCase.WINDOW_NOT_SET) {
    return senseless(like, 'a filter needs a window');
  }
  const window = options.hasMax() ? options.getMax() : DEFAULT_WINDOW;
  const multiplier = options.getCheckpointintervalmultiplier();
  if (multiplier === 0 && (subscribes || like === undefined)) {
    return senseless(like, "a filter's checkpoint interval must be above 0");
  }
  if (window === 0) {
    if (like === undefined) return invalidArgument("a filter's window must be above 0");
    if (!subscribes) return 'silence';
    return like === '23.10' ? 'confirmation' : 'failure behind a confirmation';
  }
  const terms: FilterTerms = {
    on: byStream === undefined ? 'type' : 'stream',
    prefixes: expression.getPrefixList(),
    regex: expression.getRegex(),
  };
  const tested = eventFilter(terms, like);
  return tested instanceof Refusal ? tested : { tested, checkpoints: { window, multiplier } };
}
