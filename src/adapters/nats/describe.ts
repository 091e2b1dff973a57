// Describes a NATS server and the output stream for the command `doctor`. It changes nothing on the server.
import { TocsinError } from '../../domain/core/errors.ts';
import { instantOf } from './server-time.ts';
import type { OutputInfo } from '../../projections/output.ts';
import { accountUsage, type AccountUsage } from './account.ts';
import { describeConsumer, type ConsumerDescription } from './consumer.ts';
import {
  apiRequest,
  closeConnection,
  noJetStream,
  openConnection,
  requireJetStream,
  type Connection,
} from './connection.ts';
import { unavailable } from './failures.ts';
import { nanosPerMs } from './pull.ts';
import type { NatsConnectionOptions } from './options.ts';
import {
  describeStream,
  firstSafeClusterVersion,
  isAtLeast,
  minimumMessageBytes,
  named,
  planStream,
  streamInfoSchema,
  type StreamInfo,
  type StreamOptions,
  type StreamPlan,
} from './stream.ts';

export type DescribeOptions = NatsConnectionOptions &
  StreamOptions & {
    /** A durable consumer of the stream to describe, too. */
    readonly consumer?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  };

/** The output stream as it is stored. Instants are milliseconds of the server's clock. */
export type StreamDescription = OutputInfo & {
  readonly replicas: number;
  /** Names of replicas that are offline or behind. */
  readonly replicasBehind: readonly string[];
  readonly messages: number;
  readonly bytes: number;
  /** `undefined` where the stream has no limit. */
  readonly maxBytes: number | undefined;
  readonly maxMessages: number | undefined;
  readonly maxAgeMs: number | undefined;
  /** When the oldest and the newest message were stored. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
};

/** What a clock showed, and for how long nobody knows when within that time. */
export type ClockReading = { readonly aheadMs: number; readonly withinMs: number };

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
  readonly account: AccountUsage | undefined;
  readonly stream: StreamDescription | undefined;
  readonly consumer: ConsumerDescription | undefined;
  /** The server's clock against this machine's; `undefined` before version 2.10, or without a stream. */
  readonly clock: ClockReading | undefined;
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
    const facts = jetStream ? await jetStreamFacts(connection, plan, version, options) : NO_FACTS;
    return {
      servers,
      name: info.server_name,
      version,
      cluster: info.cluster,
      tls: info.tls_required === true || info.tls_available === true,
      jetStream,
      maxPayloadBytes,
      roundTripMs,
      ...facts,
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

type Facts = Pick<ServerDescription, 'account' | 'stream' | 'consumer' | 'clock'>;

const NO_FACTS: Facts = {
  account: undefined,
  stream: undefined,
  consumer: undefined,
  clock: undefined,
};

async function jetStreamFacts(
  connection: Connection,
  plan: StreamPlan,
  version: string,
  { consumer: name }: DescribeOptions,
): Promise<Facts> {
  const [before, start] = [Date.now(), performance.now()];
  const path = `STREAM.INFO.${plan.stream}`;
  const answer = await apiRequest(connection, path, undefined, streamInfoSchema);
  const withinMs = performance.now() - start;
  if (!answer.ok) return { ...NO_FACTS, account: await accountUsage(connection, plan.replicas) };
  const { value: info } = answer;
  const time = instantOf(info.ts);
  return {
    account: await accountUsage(connection, info.config.num_replicas),
    stream: { ...describeStream(plan, info, version), ...storedOf(info) },
    consumer:
      name === undefined ? undefined : await describeConsumer(connection, plan.stream, name),
    clock: time === undefined ? undefined : { aheadMs: time - before - withinMs / 2, withinMs },
  };
}

function storedOf({
  config,
  state,
  cluster,
}: StreamInfo): Omit<StreamDescription, keyof OutputInfo> {
  const some = (limit: number): number | undefined => (limit > 0 ? limit : undefined);
  const behind = cluster?.replicas?.filter(({ offline, current }) => offline || !current) ?? [];
  return {
    replicas: config.num_replicas,
    replicasBehind: behind.map(({ name }) => name),
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: some(config.max_bytes),
    maxMessages: some(config.max_msgs),
    maxAgeMs: some(config.max_age / nanosPerMs),
    firstAt: instantOf(state.first_ts),
    lastAt: instantOf(state.last_ts),
  };
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
