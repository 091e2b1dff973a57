// Sends metrics and traces to a collector by OTLP over HTTP, as JSON. Headers and certificates come from the variables of
// the OpenTelemetry specification, such as OTEL_EXPORTER_OTLP_HEADERS, which the exporters read themselves.
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  OTLPMetricExporter,
  OTLPTraceExporter,
  ParentBasedSampler,
  PeriodicExportingMetricReader,
  TracerProvider,
  type resourceFromAttributes,
} from './sdk.ts';

export type OtlpSettings = {
  /** The collector's address, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are added. */
  readonly endpoint: string;
  /** The share of traces without a trace context of the caller that are recorded, 0 to 1. */
  readonly traceRatio: number;
  /** Milliseconds between two exports of metrics; default 15,000. */
  readonly metricsEveryMs?: number;
  /** Milliseconds that spans wait for others; default 1,000. */
  readonly spansEveryMs?: number;
};

/** How long an export may take, in milliseconds; a stop waits for the last one. */
const EXPORT_MS = 3_000;

export function metricReader({ endpoint, metricsEveryMs = 15_000 }: OtlpSettings) {
  return new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: urlOf(endpoint, 'metrics'), timeoutMillis: EXPORT_MS }),
    exportIntervalMillis: metricsEveryMs,
    exportTimeoutMillis: Math.min(EXPORT_MS, metricsEveryMs),
  });
}

/** What the caller has decided about its trace counts; which other traces are begun is decided before (`traceRatio`). */
export function tracerProvider(
  { endpoint, spansEveryMs = 1_000 }: OtlpSettings,
  resource: ReturnType<typeof resourceFromAttributes>,
): TracerProvider {
  const exporter = new OTLPTraceExporter({
    url: urlOf(endpoint, 'traces'),
    timeoutMillis: EXPORT_MS,
  });
  return new TracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: spansEveryMs,
        exportTimeoutMillis: EXPORT_MS,
      }),
    ],
  });
}

function urlOf(endpoint: string, signal: 'metrics' | 'traces'): string {
  return `${endpoint.replace(/\/+$/, '')}/v1/${signal}`;
}
