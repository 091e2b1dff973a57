// The part of OpenTelemetry's SDK that the daemon uses. The build bundles it, so that applications do not install it.
export * as api from '@opentelemetry/api';
export { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
export { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
export { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
export { resourceFromAttributes } from '@opentelemetry/resources';
export { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
export type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
export {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
