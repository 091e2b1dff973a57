// 'tocsin/otel': metrics and traces on @opentelemetry/api. Re-exports only.
export {
  observeDeliveries,
  observeProjector,
  type DeliveryFacts,
} from './adapters/telemetry/instruments.ts';
export { observedStore } from './adapters/telemetry/observed-store.ts';
export {
  openTelemetry,
  type OpenTelemetryApi,
  type OpenTelemetryOptions,
} from './adapters/telemetry/open-telemetry.ts';
export type { Telemetry } from './domain/ports/telemetry.ts';
