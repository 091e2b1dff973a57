// Health and metrics of a daemon, over HTTP.
import { createHealthApp } from '../../adapters/http/server/health.ts';
import {
  projectorReadiness,
  storeReadiness,
  withParts,
  type Readiness,
} from '../../adapters/http/server/readiness.ts';
import { serveHttp } from '../../adapters/http/server/serve.ts';
import type { DaemonFacts, DaemonTelemetry } from '../../adapters/telemetry/daemon-telemetry.ts';
import type { HealthView } from '../../console/pages/now.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';

/** Beyond these a projector is not ready. */
const LIMITS = { lagSeconds: 60, stalledSeconds: 30 };
/** A part that waits for longer is not ready; a server that restarts is back earlier. */
const PART_WAITS_SECONDS = 10;

export type HealthServer = AsyncDisposable & {
  readonly url: string;
  /** The answer of `/health/ready` with the state of each part, for the console. */
  readonly view: () => Promise<HealthView>;
};

type Address = { readonly host: string; readonly port: number };

/** What a daemon consists of besides its projector. */
export type Parts = () => readonly PartStatus[];

export async function serveProjectorHealth(
  projector: Pick<Projector, 'status'>,
  parts: Parts,
  address: Address,
  telemetry: DaemonTelemetry,
  facts: Pick<DaemonFacts, 'deliveries' | 'head'> = {},
): Promise<HealthServer> {
  const status = (): ProjectorStatus => projector.status();
  telemetry.observe({ ...facts, projector: status, parts });
  return serveHealth(() => projectorReadiness(status, LIMITS), parts, address, telemetry);
}

/** As {@link serveProjectorHealth}, for a process that projects nothing; `probe` reads from the event store. */
export async function serveStoreHealth(
  probe: () => Promise<unknown>,
  parts: Parts,
  address: Address,
  telemetry: DaemonTelemetry,
): Promise<HealthServer> {
  telemetry.observe({ parts });
  return serveHealth(() => storeReadiness(probe), parts, address, telemetry);
}

async function serveHealth(
  readiness: () => Readiness | Promise<Readiness>,
  parts: Parts,
  address: Address,
  telemetry: DaemonTelemetry,
): Promise<HealthServer> {
  const ready = async (): Promise<Readiness> =>
    withParts(await readiness(), parts(), PART_WAITS_SECONDS);
  const app = createHealthApp({ readiness: ready, metrics: telemetry.collect });
  const server = await serveHttp(app, address);
  return {
    url: server.url,
    view: async () => ({ ...(await ready()), parts: parts() }),
    [Symbol.asyncDispose]: server.close,
  };
}
