// Reads of the log for audits: the kernel's events up to a fixed end, bounds, and the control stream.
import { comparePositions, parsePosition, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { projectionPrefixes } from '../../dedupe/classify.ts';
import type { Numbering } from '../../dedupe/page.ts';
import { inPages } from '../../dedupe/session.ts';
import type { ReadableLog } from './ports.ts';
import { parseInstant, type Instant } from '../../../domain/core/instants.ts';
import { controlCodec } from '../../../domain/control/events.ts';
import {
  evolveControl,
  initialControl,
  type ControlState,
  type OutputGeneration,
} from '../../../domain/control/state.ts';
import { controlStream } from '../../../domain/core/ids.ts';

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

/** The id of the log: of its first control event; empty before that. */
export async function storeIdOf(log: ReadableLog, kernel: string): Promise<string> {
  const options = { direction: 'forwards', maxCount: 1 } as const;
  for await (const [first] of log.readStream(controlStream(kernel), options)) {
    const decoded = first && controlCodec.decode(first);
    if (decoded?.kind === 'event' && decoded.event.type === 'StoreInitialised') {
      return decoded.event.data.storeId;
    }
  }
  return '';
}

/** Splits events at a position; without a position all are after it. */
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

/** A position of the log, or a `recordedAt`. */
export type Bound = { readonly position: Position } | { readonly time: Instant };

/** The bound of an export's header. */
export function parseBound(text: string): Bound | undefined {
  const position = parsePosition(text);
  if (position !== undefined) return { position };
  const time = parseInstant(text);
  return time.ok ? { time: time.value } : undefined;
}

/** True at or after the bound. An event without a readable `recordedAt` is before every time. */
export function isAfter(recorded: RecordedEvent, bound: Bound): boolean {
  if ('position' in bound) return comparePositions(recorded.position, bound.position) >= 0;
  const at = recordedAtOf(recorded);
  return at !== undefined && at >= bound.time;
}

/** `undefined` where it cannot be read. */
export function recordedAtOf({ metadata }: RecordedEvent): Instant | undefined {
  const text = fieldOf(metadata, 'recordedAt');
  const parsed = typeof text === 'string' ? parseInstant(text) : undefined;
  return parsed?.ok === true ? parsed.value : undefined;
}

export function userOf({ data }: RecordedEvent): unknown {
  return fieldOf(data, 'userId');
}

export function typeOf({ data }: RecordedEvent): unknown {
  return fieldOf(data, 'triggerType');
}

function fieldOf(value: RecordedEvent['data'], name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

export type Control = {
  readonly state: ControlState;
  /** Every generation that was opened, in order. */
  readonly lists: readonly OutputGeneration[];
  /** Events that an operator resolved or released: their first verdict may not be kept. */
  readonly resolved: ReadonlySet<string>;
};

export async function controlAt(
  log: ReadableLog,
  kernel: string,
  head: Position | undefined,
): Promise<Control> {
  let state = initialControl;
  const lists: OutputGeneration[] = [];
  const resolved = new Set<string>();
  for await (const events of log.readStream(controlStream(kernel), { direction: 'forwards' })) {
    for (const recorded of splitAt(events, head)[0]) {
      const decoded = controlCodec.decode(recorded);
      if (decoded.kind !== 'event') continue;
      const { event } = decoded;
      state = evolveControl(state, event, recorded);
      if (event.type === 'OutputOpened' && state.output !== undefined) lists.push(state.output);
      if (event.type === 'ParkResolved' || event.type === 'RequestReleased') {
        resolved.add(event.data.event);
      }
    }
  }
  return { state, lists, resolved };
}

export function isProjected(kernel: string): (event: RecordedEvent) => boolean {
  const prefixes = projectionPrefixes(kernel);
  return ({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix));
}

export function numberingOf({ after, base }: OutputGeneration): Numbering {
  return { after, sequenceOf: (ordinal) => base + ordinal };
}

/** The generation of the read model; before its first commit, the generation in force. */
export function listOf(
  { lists, state }: Control,
  output: string | undefined,
): OutputGeneration | undefined {
  return lists.find(({ id }) => id === output) ?? state.output;
}

/** The sequence of a generation's first message: an adopted generation continues the one before it. */
export function startOf({ lists }: Control, list: OutputGeneration | undefined): bigint {
  let at = lists.findIndex(({ id }) => id === list?.id);
  while (lists[at]?.mode === 'adopt_tail' && at > 0) at -= 1;
  return (lists[at]?.base ?? 0n) + 1n;
}
