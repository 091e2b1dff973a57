// Health and metrics of a daemon, over HTTP.
import { createHealthApp } from '../../adapters/http/server/health.ts';
import {
  projectorReadiness,
  storeReadiness,
  type Readiness,
} from '../../adapters/http/server/readiness.ts';
import { serveHttp } from '../../adapters/http/server/serve.ts';
import { daemonMetrics } from '../../adapters/telemetry/metrics.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';

/** Beyond these a projector is not ready. */
const LIMITS = { lagSeconds: 60, stalledSeconds: 30 };

export type HealthServer = AsyncDisposable & { readonly url: string };

type Address = { readonly host: string; readonly port: number };

export async function serveProjectorHealth(
  projector: Pick<Projector, 'status'>,
  address: Address,
): Promise<HealthServer> {
  const status = (): ProjectorStatus => projector.status();
  return serveHealth(() => projectorReadiness(status, LIMITS), status, address);
}

/** As {@link serveProjectorHealth}, for a process that projects nothing; `probe` reads from the event store. */
export async function serveStoreHealth(
  probe: () => Promise<unknown>,
  address: Address,
): Promise<HealthServer> {
  return serveHealth(() => storeReadiness(probe), undefined, address);
}

async function serveHealth(
  readiness: () => Readiness | Promise<Readiness>,
  status: (() => ProjectorStatus) | undefined,
  address: Address,
): Promise<HealthServer> {
  const metrics = daemonMetrics(status);
  const server = await serveHttp(
    createHealthApp({ readiness, metrics: () => metrics.collect() }),
    address,
  );
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.close();
      await metrics.close();
    },
  };
}
