// 'tocsin/otel': instruments on @opentelemetry/api. Re-exports only.
export { observeProjector } from './adapters/telemetry/instruments.ts';
