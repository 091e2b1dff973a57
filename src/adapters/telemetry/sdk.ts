// The part of OpenTelemetry's SDK that the daemon uses. The build bundles this file: the SDK is 17 MB of packages, which
// an application that embeds Tocsin must not install.
export { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
export { MeterProvider } from '@opentelemetry/sdk-metrics';
