// What an error of a call or of a dial means. The server names the kind of an error in the trailer `exception`.
import { TocsinError } from '../../../domain/core/errors.ts';
import { CallError, STATUS } from './call-error.ts';
import { endpointName, type Endpoint } from './endpoint.ts';

/** A stream whose tombstone forbids ever using it again. */
export function isStreamDeleted(error: unknown): boolean {
  return exceptionOf(error) === 'stream-deleted';
}

/** The credentials are wrong, or do not allow the call. */
export function isAccessDenied(error: unknown): boolean {
  const code = codeOf(error);
  return (
    exceptionOf(error) === 'access-denied' ||
    code === STATUS.unauthenticated ||
    code === STATUS.permissionDenied
  );
}

/** The leader that a node names when it refuses a call because it does not lead. */
export function leaderNamedBy(error: unknown): Endpoint | undefined {
  if (!(error instanceof CallError) || exceptionOf(error) !== 'not-leader') return undefined;
  const address = error.trailers['leader-endpoint-host'];
  const port = Number(error.trailers['leader-endpoint-port']);
  return address === undefined || !(port > 0) ? undefined : { address, port };
}

/** What a node without a leader answers, in a status of a call and in the answer to an append. */
export const NO_LEADER = 'No leader info available in response';

/** The node cannot serve the call now: it starts, stops, knows no leader, or is frozen. */
export function isNotReady(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code === STATUS.unavailable ||
    code === STATUS.deadlineExceeded ||
    messageOf(error).includes(NO_LEADER)
  );
}

/** The read began at a place where the log has no record: 23.10 says `Error`, 24.6 `InvalidPosition`. */
export function isInvalidPosition(error: unknown): boolean {
  return /Unexpected ReadAllResult|invalid position/.test(messageOf(error));
}

/** The error that a reader gets: `usage` where trying again does not help, else `unavailable`. */
export function readError(cause: unknown): TocsinError {
  if (cause instanceof TocsinError) return cause;
  if (isAccessDenied(cause)) {
    return new TocsinError('usage', 'store_access_denied', 'the event store denies this read', {
      hint: 'Reading the whole log takes an admin, or an ACL on $all; credentials are sent over TLS only.',
      cause,
    });
  }
  if (codeOf(cause) === STATUS.invalidArgument) {
    const message = `the event store refuses this read as invalid: ${messageOf(cause)}`;
    return new TocsinError('usage', 'store_read_invalid', message, {
      hint: 'A position of another log does not exist in this one; check which store is configured.',
      cause,
    });
  }
  return unavailable(`the event store cannot be read: ${messageOf(cause)}`, cause);
}

/** A node that cannot be dialed, or is not ready. */
export function nodeUnreachable(endpoint: Endpoint, cause: unknown): TocsinError {
  const name = endpointName(endpoint);
  const [what, hint] = dialFailure(cause) ?? [messageOf(cause), undefined];
  return unavailable(`${name} cannot be reached: ${what}`, cause, hint);
}

const TRUST_HINT =
  'Give the certificate of the CA that signed it as tlsCAFile, or in NODE_EXTRA_CA_CERTS.';

/** What went wrong and what to do, by the code of a socket, of TLS or of OpenSSL. */
const DIAL_FAILURES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ECONNREFUSED: ['the connection is refused', 'Check that the server runs, and its port.'],
  ENOTFOUND: ['the host name is unknown', 'Check the host name in the connection string.'],
  EAI_AGAIN: ['the host name cannot be looked up', 'Check the network and its name server.'],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'the server does not speak TLS',
    'Add ?tls=false to the connection string if the server is meant to be insecure.',
  ],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: [
    'the server does not speak TLS',
    'Add ?tls=false to the connection string if the server is meant to be insecure.',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another host',
    'Use a host name or an address that the certificate names.',
  ],
  CERT_HAS_EXPIRED: ['its certificate has expired', 'Renew the certificate of the server.'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['its certificate is not trusted', TRUST_HINT],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['its certificate is not trusted', TRUST_HINT],
  SELF_SIGNED_CERT_IN_CHAIN: ['its certificate is not trusted', TRUST_HINT],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is not trusted', TRUST_HINT],
  CERT_SIGNATURE_FAILURE: ['its certificate is not trusted', TRUST_HINT],
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: [
    'the client certificate and its key do not fit',
    'Give the userKeyFile that belongs to the userCertFile.',
  ],
};

function dialFailure(cause: unknown): readonly [what: string, hint: string] | undefined {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const known = DIAL_FAILURES[code];
  // The code is what people search for.
  return known && [`${known[0]} (${code})`, known[1]];
}

/** No member of the cluster serves the purpose. @param answers what each node said */
export function noNodeFound(wanted: string, answers: string): TocsinError {
  return unavailable(`no ${wanted} of the event store was found (${answers})`);
}

function unavailable(
  message: string,
  cause?: unknown,
  hint = 'Check that the server runs, and its address; each attempt opens a new connection.',
): TocsinError {
  return new TocsinError('unavailable', 'store_unavailable', message, { hint, cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): number | undefined {
  return error instanceof CallError ? error.code : undefined;
}

function exceptionOf(error: unknown): string | undefined {
  return error instanceof CallError ? error.trailers['exception'] : undefined;
}
