// Health and metrics over HTTP, for probes and scrapers. It knows a projector's status and nothing of
// how it came about; answers hold no secrets, because whoever reaches the port may read them.
import { Hono } from 'hono';
import type { ProjectorStatus } from '../../../projections/publisher/status.ts';
import { problem } from './problem.ts';

export { serveHttp as serveHealth } from './serve.ts';

/** What the health app is made of. */
export type HealthOptions = {
  readonly status: () => ProjectorStatus;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** Beyond these, in seconds, a projector is not ready. */
  readonly limits: { readonly lagSeconds: number; readonly stalledSeconds: number };
};

/** Why it is not ready; codes are stable. */
export type Reason = {
  readonly code:
    'stopped' | 'waiting' | 'catching_up' | 'lagging' | 'stalled' | 'status_unreadable';
  readonly message: string;
};

/** The body of `/health/ready`. */
export type Readiness = {
  readonly ready: boolean;
  /** Ready, but an operator should look: events are parked. */
  readonly degraded: boolean;
  readonly reasons: readonly Reason[];
  readonly role?: ProjectorStatus['role'];
  readonly lagSeconds?: number;
  readonly stalledSeconds?: number;
  readonly parked?: number;
};

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * An app with three pages; everything else is a 404 as `application/problem+json`.
 *
 * - `GET /health/live`: 200 as long as the process answers; a supervisor restarts what does not
 * - `GET /health/ready`: 200 when the projector runs, has caught up and keeps up, else 503; the body
 *   is a {@link Readiness}. Parked events alone are `degraded`, not unready: later events pass them.
 * - `GET /metrics`: Prometheus text
 */
export function createHealthApp({ status, metrics, limits }: HealthOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    // A proxy that remembers yesterday's health is worse than none.
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.get('/health/live', (context) => context.json({ live: true }));
  app.get('/health/ready', (context) => {
    const readiness = readinessOf(status, limits);
    return context.json(readiness, readiness.ready ? 200 : 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await metrics(), 200, { 'content-type': PROMETHEUS_TEXT }),
  );
  app.notFound(() => problem(404, 'Not Found', 'Try /health/live, /health/ready or /metrics.'));
  // What went wrong may name files and addresses: it belongs into the log, not to whoever asks.
  app.onError(() => problem(500, 'Internal Server Error', 'The state could not be read.'));
  return app;
}

function readinessOf(read: () => ProjectorStatus, limits: HealthOptions['limits']): Readiness {
  let status: ProjectorStatus;
  try {
    status = read();
  } catch {
    const message = 'the projector cannot tell its state';
    return { ready: false, degraded: false, reasons: [{ code: 'status_unreadable', message }] };
  }
  const { role, lagSeconds, stalledSeconds, parked } = status;
  const reasons = reasonsOf(status, limits);
  const ready = reasons.length === 0;
  const degraded = ready && parked > 0;
  return { ready, degraded, reasons, role, lagSeconds, stalledSeconds, parked };
}

function reasonsOf(status: ProjectorStatus, limits: HealthOptions['limits']): Reason[] {
  const { phase, caughtUp, lagSeconds, stalledSeconds, lastFailure } = status;
  const reasons: Reason[] = [];
  if (phase === 'stopped') {
    reasons.push({ code: 'stopped', message: 'the projector does not run' });
  } else if (phase === 'waiting') {
    const why = lastFailure === undefined ? '' : `: ${lastFailure}`;
    reasons.push({ code: 'waiting', message: `waiting before the next try${why}` });
  }
  if (!caughtUp) {
    reasons.push({ code: 'catching_up', message: 'what is in the log has not been projected yet' });
  }
  if (lagSeconds > limits.lagSeconds) {
    const message = `${lagSeconds.toFixed(1)} s behind, more than ${limits.lagSeconds} s`;
    reasons.push({ code: 'lagging', message });
  }
  if (stalledSeconds > limits.stalledSeconds) {
    const message = `no progress for ${stalledSeconds.toFixed(1)} s, more than ${limits.stalledSeconds} s`;
    reasons.push({ code: 'stalled', message });
  }
  return reasons;
}
