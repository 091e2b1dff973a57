// The part of OpenTelemetry's SDK that the daemon uses. The build bundles it, so that applications do not install it.
export { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
export { MeterProvider } from '@opentelemetry/sdk-metrics';
