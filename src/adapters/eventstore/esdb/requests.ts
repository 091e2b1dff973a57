// The requests of reads and subscriptions, as messages of the protocol.
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Position } from '../../../domain/core/positions.ts';
import type { Direction } from '../common/reading.ts';

/** How many events a server looks at before it says how far it is. */
const SEARCH_WINDOW_EVENTS = 512;

/** Search windows per checkpoint of a subscription. */
const WINDOWS_PER_CHECKPOINT = 2;

/** Counts are unsigned 64-bit; this is as good as all. */
const ALL_EVENTS = String(Number.MAX_SAFE_INTEGER);

type Options = InstanceType<typeof streams.ReadReq.Options>;

type Start = 'start' | 'end';

/** Reads a stream. @param from inclusive */
export function streamRead(
  stream: string,
  direction: Direction,
  from: bigint | Start,
  count: number,
): ReadReq {
  const source = new streams.ReadReq.Options.StreamOptions();
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  source.setStreamIdentifier(name);
  if (from === 'start') source.setStart(new shared.Empty());
  else if (from === 'end') source.setEnd(new shared.Empty());
  else source.setRevision(String(from));
  const options = optionsFor(direction);
  options.setStream(source);
  options.setNoFilter(new shared.Empty());
  options.setCount(countOf(count));
  return requestOf(options);
}

/** Reads the log. @param from inclusive forwards, exclusive backwards: the protocol's own sense */
export function logRead(
  direction: Direction,
  from: Position | Start,
  prefixes: readonly string[],
  count: number,
): ReadReq {
  const options = optionsFor(direction);
  options.setAll(allFrom(from));
  setFilter(options, prefixes);
  options.setCount(countOf(count));
  return requestOf(options);
}

/** Subscribes to the log. @param from exclusive */
export function logSubscription(from: Position | Start, prefixes: readonly string[]): ReadReq {
  const options = optionsFor('forwards');
  options.setAll(allFrom(from));
  setFilter(options, prefixes);
  options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  return requestOf(options);
}

/** True when no stream is left out, but for the server's own. */
export function takesAll(prefixes: readonly string[]): boolean {
  return prefixes.length === 0 || prefixes.includes('');
}

/** The server's own streams begin with `$`; nobody appends to them through the port. */
export function isSystemStream(stream: string): boolean {
  return stream.startsWith('$');
}

function allFrom(from: Position | Start): InstanceType<typeof streams.ReadReq.Options.AllOptions> {
  const source = new streams.ReadReq.Options.AllOptions();
  if (from === 'start') source.setStart(new shared.Empty());
  else if (from === 'end') source.setEnd(new shared.Empty());
  else {
    const position = new streams.ReadReq.Options.Position();
    position.setCommitPosition(String(from.commit));
    position.setPreparePosition(String(from.prepare));
    source.setPosition(position);
  }
  return source;
}

function setFilter(options: Options, prefixes: readonly string[]): void {
  if (takesAll(prefixes)) {
    options.setNoFilter(new shared.Empty());
    return;
  }
  const expression = new streams.ReadReq.Options.FilterOptions.Expression();
  expression.setPrefixList([...prefixes]);
  const filter = new streams.ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(expression);
  filter.setMax(SEARCH_WINDOW_EVENTS);
  filter.setCheckpointintervalmultiplier(WINDOWS_PER_CHECKPOINT);
  options.setFilter(filter);
}

function optionsFor(direction: Direction): Options {
  const options = new streams.ReadReq.Options();
  const ids = new streams.ReadReq.Options.UUIDOption();
  ids.setString(new shared.Empty());
  options.setUuidOption(ids);
  options.setReadDirection(
    direction === 'forwards'
      ? streams.ReadReq.Options.ReadDirection.FORWARDS
      : streams.ReadReq.Options.ReadDirection.BACKWARDS,
  );
  options.setResolveLinks(false);
  return options;
}

function requestOf(options: Options): ReadReq {
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
}

function countOf(count: number): string {
  return count < Number.MAX_SAFE_INTEGER ? String(count) : ALL_EVENTS;
}
