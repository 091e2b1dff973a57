// Health and metrics of a daemon over HTTP. Everybody who reaches the port may read them, so they hold no secrets.
import { Hono } from 'hono';
import { problem } from './problem.ts';
import type { Readiness } from './readiness.ts';

export type HealthOptions = {
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
};

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** Serves whether the process answers, whether the daemon is ready, and Prometheus text. */
export function createHealthApp({ readiness, metrics }: HealthOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    // A cached health answer hides an outage.
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.get('/health/live', (context) => context.json({ live: true }));
  app.get('/health/ready', async (context) => {
    const body = await readiness();
    return context.json(body, body.ready ? 200 : 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await metrics(), 200, { 'content-type': PROMETHEUS_TEXT }),
  );
  app.notFound(() => problem(404, 'Not Found', 'Try /health/live, /health/ready or /metrics.'));
  // The error may name files and addresses: it belongs in the log, not in the answer.
  app.onError(() => problem(500, 'Internal Server Error', 'The state could not be read.'));
  return app;
}
