// Reports a request: its line in the access log, and its time by route and status.
import type { Logger } from '../../../domain/ports/logger.ts';
import type { Labels, Telemetry } from '../../../domain/ports/telemetry.ts';

export type RequestFacts = {
  readonly method: string;
  /** The path of the endpoint with its parameters' names; empty where there is no endpoint. */
  readonly route: string;
  readonly status: number;
  readonly requestId: string;
  readonly operationId?: string | undefined;
  /** The id of the token, never the token. */
  readonly caller?: string | undefined;
  /** Of the problem that was answered. */
  readonly code?: string | undefined;
  readonly traceparent?: string | undefined;
};

/** HTTP lets a client invent methods, and each would be a series of its own. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** @param begun by `performance.now()` @returns the labels of the request, by OpenTelemetry's conventions */
export function reportRequest(
  { logger, telemetry }: { readonly logger: Logger; readonly telemetry: Telemetry },
  begun: number,
  { method: given, route, status, ...facts }: RequestFacts,
): Labels {
  const method = given.toUpperCase();
  const labels = {
    'http.request.method': METHODS.includes(method) ? method : '_OTHER',
    'http.route': route,
    'http.response.status_code': String(status),
  };
  telemetry.took('http.server.request.duration', begun, labels);
  const ms = Math.round(performance.now() - begun);
  logger.info({ ...facts, method, route, status, ms }, 'request');
  return labels;
}
