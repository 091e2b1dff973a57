// What the daemon takes of OpenTelemetry's SDK. The build bundles this file, because the SDK is 17 MB of
// packages: an application that embeds Tocsin must not install them, or resolve their versions.
export { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
export { MeterProvider } from '@opentelemetry/sdk-metrics';
