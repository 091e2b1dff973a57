// 'tocsin/otel': instruments on @opentelemetry/api. Re-exports only.
export {
  observeDeliveries,
  observeProjector,
  type DeadDeliveries,
} from './adapters/telemetry/instruments.ts';
