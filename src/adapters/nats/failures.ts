// Classifies errors of the server and of the client. The numbers are nats-server's err_code values, which are stable.
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { OutputError, type OutputFailure } from '../../projections/output.ts';

export const jsCode = {
  accountResources: 10002,
  consumerNotFound: 10014,
  noMessage: 10037,
  notEnabledForAccount: 10039,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  streamStoreFailed: 10077,
} as const;

export const jsErrorSchema = z.object({
  code: z.number(),
  err_code: z.number().optional(),
  description: z.string().optional(),
});
export type JsError = z.infer<typeof jsErrorSchema>;

/** Refusals because of the state of the server or the stream: a later attempt may succeed. */
const transientCodes: ReadonlySet<number> = new Set([
  jsCode.accountResources,
  jsCode.notEnabledForAccount,
  jsCode.streamNotFound,
  jsCode.notEnabled,
  jsCode.streamStoreFailed,
]);

/** Classifies a refused publish. Only a wrong last sequence means that another writer publishes to the stream. */
export function publishFailure(sequence: number, error: JsError): OutputFailure {
  const text = `message ${sequence} was refused: ${errorText(error)}`;
  if (error.err_code === jsCode.wrongLastSequence) return { kind: 'fenced', message: text };
  const transient =
    (error.err_code !== undefined && transientCodes.has(error.err_code)) ||
    // 408, 429 (the stream's ingest queue is full) and the 500s are temporary.
    error.code >= 500 ||
    error.code === 408 ||
    error.code === 429;
  return { kind: transient ? 'unavailable' : 'rejected', message: text };
}

/** `description (err_code)`, for messages. */
export function errorText(error: JsError): string {
  return `${error.description ?? 'no description'} (${error.err_code ?? error.code})`;
}

export function unavailable(message: string, cause?: unknown): OutputError {
  return new OutputError({ kind: 'unavailable', message }, cause === undefined ? {} : { cause });
}

/** The message of any thrown value. The client's errors hold no credentials. */
export function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = errorCode(cause);
  return code === undefined || cause.message.includes(code)
    ? cause.message
    : `${cause.message} (${code})`;
}

const credentialCodes: ReadonlySet<string> = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'ACCOUNT_EXPIRED',
  'BAD_AUTHENTICATION',
  'BAD_CREDS',
]);
const tlsCode =
  /^(TLS|SERVER_OPT_NA|ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO)/;

/** The error of a failed connection: a `TocsinError` when trying again cannot help, else `unavailable`. */
export function connectFailure(servers: string, cause: unknown): OutputError | TocsinError {
  if (cause instanceof TocsinError) return cause;
  const code = cause instanceof Error ? errorCode(cause) : undefined;
  if (code !== undefined && credentialCodes.has(code)) {
    const message = `NATS at ${servers} refused the credentials.`;
    return new TocsinError('usage', 'nats_credentials', message, {
      hint: 'Give user and password, token or credentials file of an account of this server.',
      cause,
    });
  }
  if (code !== undefined && tlsCode.test(code)) {
    return new TocsinError('usage', 'nats_tls', `No TLS with NATS at ${servers}: ${code}.`, {
      hint: "Give the CA that signed the server's certificate, and a client certificate if it asks for one.",
      cause,
    });
  }
  return unavailable(`NATS at ${servers} cannot be reached: ${causeText(cause)}`, cause);
}

/** A missing permission: trying again does not help. */
export function permissionError(servers: string, cause: unknown): TocsinError {
  const message = `NATS at ${servers} denies a permission: ${causeText(cause)}`;
  return new TocsinError('usage', 'nats_permissions', message, {
    hint: 'Allow publishing to $JS.API.> and the output subjects (a worker: and to $JS.ACK.>), and subscribing to the inbox prefix.',
    cause,
  });
}

/** The `code` of a NATS or Node error, if it has one. */
export function errorCode(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
