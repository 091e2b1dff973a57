// One connection to NATS that never reconnects, with its JetStream API. The first connection loads the client.
import { randomBytes } from 'node:crypto';
import type { headers, Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import {
  causeText,
  connectFailure,
  errorCode,
  jsCode,
  jsErrorSchema,
  errorText,
  permissionError,
  unavailable,
  type JsError,
} from './failures.ts';
import { OutputError } from '../../projections/output.ts';
import {
  clientOptions,
  describeServers,
  listServers,
  type NatsConnectionOptions,
} from './options.ts';
import { streamInfoSchema, type StreamInfo } from './stream.ts';

export type Connection = {
  readonly client: NatsConnection;
  /** `{prefix}.{epoch}`; replies come to `{inbox}.…`, never to another connection. */
  readonly inbox: string;
  /** Addresses without secrets, for messages. */
  readonly servers: string;
  /** Makes the client's headers. */
  readonly headers: typeof headers;
  /** These options have led to a JetStream before: what the server denies now was changed there, and may change again. */
  readonly isKnown: boolean;
};

/** How long an API request may take before the server counts as unavailable. */
export const apiTimeoutMs = 5_000;

export const noJetStream = 'nats_no_jetstream';

const accountSchema = z.object({ error: jsErrorSchema.optional() });

/** Connects once. @throws OutputError (`unavailable`) when nothing answers; TocsinError when trying again cannot help */
export async function openConnection(
  options: NatsConnectionOptions,
  signal?: AbortSignal,
): Promise<Connection> {
  signal?.throwIfAborted();
  // 72 random bits: a late ack to a dead connection never matches a new one.
  const inbox = `${options.inboxPrefix ?? '_INBOX'}.${randomBytes(9).toString('base64url')}`;
  const servers = describeServers(options);
  const { connect, credsAuthenticator, headers } = await import('nats');
  const settingsOf = (to: NatsConnectionOptions) => clientOptions(to, inbox, credsAuthenticator);
  const dial = async (to: ReturnType<typeof settingsOf>): Promise<Connection> => {
    signal?.throwIfAborted();
    const connecting = connect(to);
    try {
      const client = await abortable(connecting, signal);
      return { client, inbox, servers, headers, isKnown: false };
    } catch (cause) {
      if (signal?.aborted === true) {
        closeLate(connecting);
        throw cause;
      }
      throw connectFailure(servers, cause);
    }
  };
  // Outside the try: options that are wrong together may be right for each server alone.
  const settings = settingsOf(options);
  try {
    return await dial(settings);
  } catch (error) {
    const all = listServers(options);
    if (!(error instanceof TocsinError) || all.length === 1) throw error;
    // The client gives up at the first server that refuses; the others may accept.
    return await dialEach(
      all,
      (server) => dial(settingsOf({ ...options, servers: server })),
      error,
    );
  }
}

/** The first connection that a server accepts. @throws OutputError when one of them is away, else `refusal` */
async function dialEach(
  servers: readonly string[],
  dial: (server: string) => Promise<Connection>,
  refusal: TocsinError,
): Promise<Connection> {
  let away: OutputError | undefined;
  for (const server of servers) {
    try {
      return await dial(server);
    } catch (error) {
      if (error instanceof OutputError) away = error;
      else if (!(error instanceof TocsinError)) throw error;
    }
  }
  throw away ?? refusal;
}

/**
 * Connects like {@link openJetStream}, again and again. Once it has connected, a refusal of credentials, certificates or
 * permissions is an outage: they are changed at the server first, and files are read again at each attempt.
 */
export function jetStreamConnector(
  options: NatsConnectionOptions,
): (signal?: AbortSignal) => Promise<Connection> {
  let isKnown = false;
  return async (signal) => {
    try {
      const connection = await openJetStream(options, signal);
      const again = { ...connection, isKnown };
      isKnown = true;
      return again;
    } catch (error) {
      throw isKnown ? asOutage(error) : error;
    }
  };
}

function asOutage(error: unknown): unknown {
  const isRefusal = error instanceof TocsinError && error.kind === 'usage';
  return isRefusal ? unavailable(error.message, error) : error;
}

/** Closes without sending what is still buffered. Does nothing for a connection that is closed or dead. */
export async function closeConnection({ client }: Connection): Promise<void> {
  try {
    await client.close();
  } catch {
    // The socket was closed already.
  }
}

/** @throws TocsinError (`unavailable`) when this account has no JetStream, OutputError while it is starting */
export async function requireJetStream(connection: Connection): Promise<void> {
  const { client, servers } = connection;
  const answer = await apiRequest(connection, 'INFO', undefined, accountSchema);
  if (answer.ok) return;
  const { error } = answer;
  const missing =
    error === 'no_responders'
      ? client.info?.jetstream !== true
      : error.err_code === jsCode.notEnabled || error.err_code === jsCode.notEnabledForAccount;
  if (!missing) throw unavailable(`JetStream at ${servers}: ${apiErrorText(error)}`);
  throw new TocsinError('unavailable', noJetStream, `NATS at ${servers} has no JetStream.`, {
    hint: 'Start nats-server with -js (and a store directory), or enable JetStream for this account.',
  });
}

/** Connects to a server with JetStream. @throws like {@link openConnection} and {@link requireJetStream} */
export async function openJetStream(
  options: NatsConnectionOptions,
  signal?: AbortSignal,
): Promise<Connection> {
  const connection = await openConnection(options, signal);
  try {
    await requireJetStream(connection);
    signal?.throwIfAborted();
    return connection;
  } catch (error) {
    await closeConnection(connection);
    throw error;
  }
}

/** The stream as the server reports it; `undefined` when it does not exist. @throws OutputError (`unavailable`) */
export async function findStream(
  connection: Connection,
  stream: string,
): Promise<StreamInfo | undefined> {
  const path = `STREAM.INFO.${stream}`;
  const answer = await apiRequest(connection, path, undefined, streamInfoSchema);
  if (answer.ok) return answer.value;
  if (isCode(answer.error, jsCode.streamNotFound)) return undefined;
  throw unavailable(`The stream ${stream} cannot be read: ${apiErrorText(answer.error)}`);
}

/** Why an API request failed: the API's error, or no server has JetStream. */
export type ApiError = JsError | 'no_responders';

export function isCode(error: ApiError, code: number): boolean {
  return error !== 'no_responders' && error.err_code === code;
}

export function apiErrorText(error: ApiError): string {
  return error === 'no_responders' ? 'no server answers the JetStream API' : errorText(error);
}

/**
 * One JetStream API request.
 *
 * @param path after `$JS.API.`
 * @throws OutputError (`unavailable`) without a known answer in time, TocsinError when permissions are missing
 */
export async function apiRequest<T>(
  connection: Connection,
  path: string,
  payload: unknown,
  schema: z.ZodType<T>,
): Promise<Result<T, ApiError>> {
  const { client, servers } = connection;
  let reply: Msg;
  try {
    const body = payload === undefined ? '' : JSON.stringify(payload);
    reply = await client.request(`$JS.API.${path}`, body, { timeout: apiTimeoutMs });
  } catch (cause) {
    const code = cause instanceof Error ? errorCode(cause) : undefined;
    if (code === '503') return err('no_responders');
    if (code === 'PERMISSIONS_VIOLATION') {
      const denied = permissionError(servers, cause);
      throw connection.isKnown ? asOutage(denied) : denied;
    }
    const why = client.isClosed() ? 'the connection closed' : causeText(cause);
    throw unavailable(`JetStream at ${servers} did not answer ${path}: ${why}`, cause);
  }
  const answer = tryParseJson(reply.string());
  const failed = z.object({ error: jsErrorSchema }).safeParse(answer);
  if (failed.success) return err(failed.data.error);
  const parsed = schema.safeParse(answer);
  if (parsed.success) return ok(parsed.data);
  const message = `JetStream at ${servers} answered ${path} in a form we do not know`;
  throw unavailable(message, parsed.error);
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return unlessAborted(promise, signal, () => {
    const reason: unknown = signal.reason;
    throw reason instanceof Error ? reason : new Error(String(reason));
  });
}

/** Closes a connection that opens after its caller gave up. */
function closeLate(connecting: Promise<NatsConnection>): void {
  connecting.then(
    (client) => void client.close().catch(() => undefined),
    () => undefined,
  );
}
