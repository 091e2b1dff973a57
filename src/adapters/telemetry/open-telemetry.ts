// Hands what parts report to OpenTelemetry's API. It loads nothing: the caller brings the API, and with it the SDK that
// is registered there, if any.
import type * as OpenTelemetry from '@opentelemetry/api';
import type { Context, Meter, Tracer } from '@opentelemetry/api';
import {
  INSTRUMENTS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type Instrument,
} from '../../domain/ports/instruments.ts';
import {
  isRecorded,
  noSpan,
  type Labels,
  type Span,
  type SpanStart,
  type Telemetry,
} from '../../domain/ports/telemetry.ts';

/** The part of `@opentelemetry/api` that is used: `import * as api from '@opentelemetry/api'`. */
export type OpenTelemetryApi = Pick<
  typeof OpenTelemetry,
  'context' | 'metrics' | 'trace' | 'SpanStatusCode'
>;

export type OpenTelemetryOptions = {
  /** Default: the meter `tocsin` of the registered provider. */
  readonly meter?: Meter;
  /** Default: the tracer `tocsin` of the registered provider. */
  readonly tracer?: Tracer;
  /** False: no spans. Default: true. */
  readonly traces?: boolean;
  /**
   * The share of traces that are begun here, 0 to 1; what belongs to a trace of the caller is not counted. Default: 1, and
   * the sampler of the SDK decides.
   */
  readonly traceRatio?: number;
};

/** The bounds of durations in seconds: an append takes a millisecond, a call of a channel up to its lease. */
const BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Reports metrics and traces to OpenTelemetry; hand it to kernel, projector, worker and API as `telemetry`. */
export function openTelemetry(
  api: OpenTelemetryApi,
  options: OpenTelemetryOptions = {},
): Telemetry {
  const { traces = true, traceRatio = 1 } = options;
  const { meter = api.metrics.getMeter('tocsin'), tracer = api.trace.getTracer('tocsin') } =
    options;
  return {
    traces,
    ...metricsOn(meter),
    span(name, start = {}) {
      if (!traces || !isFollowed(api, start.parent, traceRatio)) return noSpan;
      return begin(api, tracer.startSpan(name, ...startOf(api, start)));
    },
  };
}

/** Decided before a span is made: one that the SDK then leaves out costs more than all metrics of a raise. */
function isFollowed(
  { context, trace }: OpenTelemetryApi,
  parent: string | undefined,
  ratio: number,
): boolean {
  if (parent !== undefined) return isRecorded(parent);
  if (ratio >= 1 || trace.getSpanContext(context.active()) !== undefined) return true;
  return Math.random() < ratio;
}

function startOf(api: OpenTelemetryApi, { parent, attributes, startedAt }: SpanStart) {
  const options = {
    ...(attributes === undefined ? {} : { attributes }),
    ...(startedAt === undefined ? {} : { startTime: startedAt }),
  };
  return [options, parentOf(api, parent)] as const;
}

function parentOf(api: OpenTelemetryApi, parent: string | undefined): Context {
  const active = api.context.active();
  if (parent === undefined) return active;
  const [, traceId = '', spanId = ''] = parent.split('-');
  const traceFlags = isRecorded(parent) ? 1 : 0;
  return api.trace.setSpanContext(active, { traceId, spanId, traceFlags, isRemote: true });
}

function begin({ SpanStatusCode }: OpenTelemetryApi, span: ReturnType<Tracer['startSpan']>): Span {
  if (!span.isRecording()) return noSpan;
  const { traceId, spanId } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    end({ failed, attributes } = {}) {
      if (attributes !== undefined) span.setAttributes(attributes);
      if (failed !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failed });
      span.end();
    },
  };
}

/** Counts in memory and is read at each collection: a call of the SDK for each event would cost several times as much. */
function metricsOn(meter: Meter): Pick<Telemetry, 'count' | 'took' | 'observe'> {
  const sums = new Map<CounterName, Map<string, { readonly labels: Labels; value: number }>>();
  const histograms = new Map<HistogramName, ReturnType<Meter['createHistogram']>>();
  const gauges = new Map<GaugeName, Set<Parameters<Telemetry['observe']>[1]>>();
  return {
    count(name, labels = {}, by = 1) {
      let series = sums.get(name);
      if (series === undefined) {
        series = new Map();
        sums.set(name, series);
        observeSums(meter, name, series);
      }
      const key = keyOf(labels);
      const sum = series.get(key);
      if (sum === undefined) series.set(key, { labels, value: by });
      else sum.value += by;
    },
    took(name, since, labels) {
      let histogram = histograms.get(name);
      if (histogram === undefined) {
        const advice = { explicitBucketBoundaries: BUCKETS };
        histogram = meter.createHistogram(name, { ...described(name), advice });
        histograms.set(name, histogram);
      }
      histogram.record((performance.now() - since) / 1_000, labels);
    },
    observe(name, read) {
      const known = gauges.get(name);
      const reads = known ?? new Set();
      reads.add(read);
      gauges.set(name, reads);
      if (known === undefined) observeGauge(meter, name, reads);
      return () => void reads.delete(read);
    },
  };
}

function observeSums(
  meter: Meter,
  name: CounterName,
  series: ReadonlyMap<string, { readonly labels: Labels; readonly value: number }>,
): void {
  const sum =
    INSTRUMENTS[name].kind === 'counter'
      ? meter.createObservableCounter(name, described(name))
      : meter.createObservableUpDownCounter(name, described(name));
  sum.addCallback((result) => {
    for (const { labels, value } of series.values()) result.observe(value, labels);
  });
}

function observeGauge(
  meter: Meter,
  name: GaugeName,
  reads: ReadonlySet<Parameters<Telemetry['observe']>[1]>,
): void {
  meter.createObservableGauge(name, described(name)).addCallback((result) => {
    for (const read of reads) {
      for (const [value, labels] of read()) result.observe(value, labels);
    }
  });
}

function described(name: keyof typeof INSTRUMENTS) {
  const { help, unit }: Instrument = INSTRUMENTS[name];
  return { description: help, unit };
}

function keyOf(labels: Labels): string {
  let key = '';
  for (const name in labels) key += `${labels[name]}\n`;
  return key;
}
