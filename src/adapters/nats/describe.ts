// Describes a NATS server and the output stream for the command `doctor`. It changes nothing there.
import { TocsinError } from '../../domain/core/errors.ts';
import type { OutputInfo } from '../../projections/output.ts';
import {
  apiRequest,
  closeConnection,
  noJetStream,
  openConnection,
  requireJetStream,
  type Connection,
} from './connection.ts';
import { unavailable } from './failures.ts';
import type { NatsConnectionOptions } from './options.ts';
import {
  describeStream,
  firstSafeClusterVersion,
  isAtLeast,
  minimumMessageBytes,
  named,
  planStream,
  streamInfoSchema,
  type StreamOptions,
  type StreamPlan,
} from './stream.ts';

export type DescribeOptions = NatsConnectionOptions &
  Omit<StreamOptions, 'replicas'> & { readonly signal?: AbortSignal | undefined };

export type ServerDescription = {
  /** As configured, without secrets. */
  readonly servers: string;
  readonly name: string;
  readonly version: string;
  readonly cluster: string | undefined;
  readonly tls: boolean;
  readonly jetStream: boolean;
  readonly maxPayloadBytes: number;
  readonly roundTripMs: number;
  readonly stream: (OutputInfo & { readonly replicas: number }) | undefined;
  /** What to change, as sentences. Warnings about the stream are in `stream`. */
  readonly warnings: readonly string[];
};

const oldestSupported = [2, 9, 10] as const;

/** Connects and describes the server, also one without JetStream. @throws like {@link openConnection} */
export async function describeServer(options: DescribeOptions): Promise<ServerDescription> {
  const plan = planStream(options);
  const connection = await openConnection(options, options.signal);
  try {
    const { client, servers } = connection;
    const roundTripMs = await client.rtt();
    const jetStream = await hasJetStream(connection);
    const { info } = client;
    if (info === undefined) throw unavailable(`NATS at ${servers} closed the connection`);
    const { version, max_payload: maxPayloadBytes } = info;
    return {
      servers,
      name: info.server_name,
      version,
      cluster: info.cluster,
      tls: info.tls_required === true || info.tls_available === true,
      jetStream,
      maxPayloadBytes,
      roundTripMs,
      stream: jetStream ? await outputStream(connection, plan, version) : undefined,
      warnings: serverWarnings(version, info.cluster, maxPayloadBytes),
    };
  } finally {
    await closeConnection(connection);
  }
}

async function hasJetStream(connection: Connection): Promise<boolean> {
  try {
    await requireJetStream(connection);
    return true;
  } catch (error) {
    if (error instanceof TocsinError && error.code === noJetStream) return false;
    throw error;
  }
}

async function outputStream(
  connection: Connection,
  plan: StreamPlan,
  version: string,
): Promise<ServerDescription['stream']> {
  const path = `STREAM.INFO.${plan.stream}`;
  const answer = await apiRequest(connection, path, undefined, streamInfoSchema);
  if (!answer.ok) return undefined;
  const { num_replicas: replicas } = answer.value.config;
  return { ...describeStream(plan, answer.value, version), replicas };
}

function serverWarnings(
  version: string,
  cluster: string | undefined,
  maxPayloadBytes: number,
): readonly string[] {
  const safe = firstSafeClusterVersion.join('.');
  return named([
    !isAtLeast(version, oldestSupported) &&
      `nats-server ${version} is older than ${oldestSupported.join('.')}`,
    cluster !== undefined &&
      !isAtLeast(version, firstSafeClusterVersion) &&
      `nats-server ${version} in a cluster: before ${safe} it can lose messages that it acknowledged`,
    maxPayloadBytes < minimumMessageBytes &&
      `max_payload is ${maxPayloadBytes}, under ${minimumMessageBytes}: large messages stop the projector`,
  ]);
}
