// The port to metrics and traces. Parts report what they do; an adapter gives the reports to OpenTelemetry. Without
// an adapter the reports are dropped.
import { isJsonObject, type Json } from '../core/json.ts';
import { isUnreadable, type Unreadable } from '../core/recorded-event.ts';
import type { CounterName, GaugeName, HistogramName, SpanName } from './instruments.ts';

/** Labels of a value. They hold no ids of users and no secrets, and few values: each makes a series of its own. */
export type Labels = Readonly<Record<string, string>>;

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One step of a trace. */
export type Span = {
  /** The context for events, messages and calls that follow; `undefined` when the trace is not recorded. */
  readonly traceparent: string | undefined;
  /** Ends the step; call it once. `failed` says why, without secrets. */
  readonly end: (result?: { readonly failed?: string; readonly attributes?: Attributes }) => void;
};

export type SpanStart = {
  /** The W3C trace context that the step belongs to. */
  readonly parent?: string | undefined;
  readonly attributes?: Attributes;
  /** When the step began, in milliseconds since 1970. Default: now. */
  readonly startedAt?: number;
};

/** Where parts report to. No call throws, and none waits. */
export type Telemetry = {
  /** False: spans are not recorded, and callers may skip what they would cost. */
  readonly traces: boolean;
  /** Adds to a counter or a level. @param by default 1 */
  readonly count: (name: CounterName, labels?: Labels, by?: number) => void;
  /** @param since `performance.now()` at the beginning */
  readonly took: (name: HistogramName, since: number, labels?: Labels) => void;
  /** Has a gauge read at each collection, until the returned function is called. */
  readonly observe: (
    name: GaugeName,
    read: () => Iterable<readonly [value: number, labels?: Labels]>,
  ) => () => void;
  /** Begins a step. Without a parent it belongs to what the host's process does now, or begins a trace. */
  readonly span: (name: SpanName, start?: SpanStart) => Span;
};

const ignore = (): void => undefined;

/** A step that nobody records. */
export const noSpan: Span = { traceparent: undefined, end: ignore };

/** Reports nothing; the default. */
export const noTelemetry: Telemetry = {
  traces: false,
  count: ignore,
  took: ignore,
  observe: () => ignore,
  span: () => noSpan,
};

/** The last two digits of a trace context are flags, of which the first bit says that the trace is recorded. */
export function isRecorded(traceparent: string | undefined): traceparent is string {
  return traceparent !== undefined && /[13579bdf]$/.test(traceparent);
}

/** Begins a step of the trace of an event or message; none when that has no trace, or one that is not recorded. */
export function childSpan(
  telemetry: Telemetry,
  name: SpanName,
  parent: string | undefined,
  start: Omit<SpanStart, 'parent'> = {},
): Span {
  return telemetry.traces && isRecorded(parent)
    ? telemetry.span(name, { ...start, parent })
    : noSpan;
}

/** The trace context in an event's metadata. */
export function traceparentOf(metadata: Json | Unreadable): string | undefined {
  if (isUnreadable(metadata) || !isJsonObject(metadata)) return undefined;
  const { traceparent } = metadata;
  return typeof traceparent === 'string' ? traceparent : undefined;
}
