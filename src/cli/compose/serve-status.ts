// Health and metrics of a projector, over HTTP.
import { createHealthApp, serveHealth } from '../../adapters/http/server/health.ts';
import { projectorMetrics } from '../../adapters/telemetry/metrics.ts';
import type { Projector } from '../../projections/publisher/projector.ts';

/** Beyond these a projector is not ready. */
const LIMITS = { lagSeconds: 60, stalledSeconds: 30 };

export type StatusServer = AsyncDisposable & { readonly url: string };

/** Serves until it is disposed of. */
export async function serveStatus(
  projector: Projector,
  address: { readonly host: string; readonly port: number },
): Promise<StatusServer> {
  const metrics = projectorMetrics(() => projector.status());
  const app = createHealthApp({
    status: () => projector.status(),
    metrics: () => metrics.collect(),
    limits: LIMITS,
  });
  const server = await serveHealth(app, address);
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await metrics.close();
    },
  };
}
