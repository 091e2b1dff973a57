// The daemon's health and metrics over HTTP. Nothing here changes anything.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { TocsinError } from '../../domain/core/errors.ts';
import type { ProjectorStatus } from '../../projections/runner/status.ts';

/** Beyond these a projector is not ready. */
export type HealthLimits = { readonly lagSeconds: number; readonly stalledSeconds: number };

export type HealthSources = {
  readonly status: () => ProjectorStatus;
  /** The metrics in Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly limits: HealthLimits;
};

export type HealthServer = { readonly url: string; readonly close: () => Promise<void> };

/**
 * `GET /health/live` answers while the process turns; `GET /health/ready` answers 200 when the projector
 * runs, has caught up and lags less than the limits, else 503 with the reasons; `GET /metrics`.
 */
export function createHealthApp({ status, metrics, limits }: HealthSources): Hono {
  const app = new Hono();
  app.get('/health/live', (c) => c.json({ live: true }));
  app.get('/health/ready', (c) => {
    const now = status();
    const reasons = reasonsAgainst(now, limits);
    const ready = reasons.length === 0;
    const body = { ready, degraded: now.parked > 0, role: now.role, reasons };
    return c.json(body, ready ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.text(await metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  const problem = (status: number, title: string): Response =>
    Response.json(
      { type: 'about:blank', status, title },
      {
        status,
        headers: { 'content-type': 'application/problem+json' },
      },
    );
  app.notFound(() => problem(404, 'There is nothing here.'));
  app.onError(() => problem(500, 'This could not be answered; the log says why.'));
  return app;
}

/** Why a projector is not ready, in words; empty when it is. */
function reasonsAgainst(status: ProjectorStatus, limits: HealthLimits): readonly string[] {
  const { phase, caughtUp, lagSeconds, stalledSeconds, lastFailure } = status;
  return [
    ...(phase === 'running' ? [] : [`the projector is ${phase}`]),
    ...(caughtUp ? [] : ['it has not caught up with the log']),
    ...(lagSeconds > limits.lagSeconds ? [`it lags by ${Math.round(lagSeconds)} s`] : []),
    ...(stalledSeconds > limits.stalledSeconds
      ? [`nothing has moved for ${Math.round(stalledSeconds)} s`]
      : []),
    ...(phase !== 'running' && lastFailure !== undefined ? [lastFailure] : []),
  ];
}

/**
 * Listens.
 * @param address.port 0 takes any free one
 * @throws TocsinError `usage` (`http_unavailable`) when the address cannot be listened at
 */
export async function serveHealth(
  app: Hono,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<HealthServer> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = serve({ fetch: app.fetch, hostname: host, port }, (info) => {
    resolve(info.port);
  });
  server.once('error', (cause: Error) => {
    const message = `${host}:${port} cannot be listened at`;
    const hint = 'Name another address with --http; port 0 takes any free one.';
    reject(new TocsinError('usage', 'http_unavailable', message, { hint, cause }));
  });
  const listening = await promise;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => {
          closed();
        });
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
