// The meaning of an error of a call or of a dial. The server names the kind of an error in the trailer `exception`.
import { TocsinError } from '../../../domain/core/errors.ts';
import { CallError, STATUS } from './call-error.ts';
import { dialFault } from './dial-faults.ts';
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

/** The credentials are wrong, or their user is disabled: no right would help. */
function isLoginFault(error: unknown): boolean {
  return codeOf(error) === STATUS.unauthenticated;
}

/** What the server says by a denial: it does not know the user, or the user has no right to `what`. */
export function deniedText(error: unknown, what: string): string {
  return isLoginFault(error)
    ? 'the event store does not accept the user or its password'
    : `the event store denies ${what}: the user has no right to it`;
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

/** What the server has granted to the user of a store before. */
export type Granted = { login: boolean; readAll: boolean };

/** True for a denial of what was granted before: it may be granted again, so it is an outage. */
export function wasGranted(error: unknown, granted: Granted, isOfAll: boolean): boolean {
  return isLoginFault(error) ? granted.login : isOfAll && granted.readAll;
}

/**
 * The error that a reader gets: `usage` where trying again does not help, else `unavailable`.
 *
 * @param isOutage a denial is an outage, see {@link wasGranted}
 */
export function readError(cause: unknown, isOutage = false): TocsinError {
  if (cause instanceof TocsinError) return cause;
  if (isAccessDenied(cause)) {
    const code = isLoginFault(cause) ? 'store_login_failed' : 'store_access_denied';
    const kind = isOutage ? 'unavailable' : 'usage';
    return new TocsinError(kind, code, deniedText(cause, 'this read'), {
      hint: isLoginFault(cause)
        ? 'Check user and password; a disabled user is refused in the same way.'
        : 'Reading the whole log takes an admin, or a right that `tocsin store acl` gives; credentials are sent ' +
          'over TLS only.',
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
  const { code, why, hint } = dialFault(cause) ?? {
    code: 'store_unavailable',
    why: messageOf(cause),
    hint: UNAVAILABLE_HINT,
  };
  const message = `${endpointName(endpoint)} cannot be reached: ${why}`;
  return new TocsinError('unavailable', code, message, { hint, cause });
}

/** A node of the cluster answers, and its leader does not. @param named what names the leader, with its verb */
export function leaderUnreachable(named: string, leader: Endpoint, cause: Error): TocsinError {
  const code = cause instanceof TocsinError ? cause.code : 'store_unavailable';
  const message = `${named} ${endpointName(leader)} as the leader, which does not answer here: ${cause.message}`;
  return new TocsinError('unavailable', code, message, { hint: LEADER_HINT, cause });
}

const LEADER_HINT =
  'Only the leader takes appends. Check that it runs, that this machine reaches it under the address that the nodes give ' +
  'for it (their advertised address), and that its certificate is for that address. If the leader is lost, Tocsin goes on ' +
  'once the others have elected another one: name all nodes in the connection string.';

/** No member of the cluster serves the purpose. @param answers what each node said */
export function noNodeFound(wanted: string, answers: string): TocsinError {
  const message = `no ${wanted} of the event store was found (${answers})`;
  return new TocsinError('unavailable', 'store_unavailable', message, {
    hint:
      'Check that a majority of the nodes runs and sees each other; name all nodes in the connection string. ' +
      'Tocsin goes on once they have a leader.',
  });
}

function unavailable(message: string, cause?: unknown): TocsinError {
  return new TocsinError('unavailable', 'store_unavailable', message, {
    hint: UNAVAILABLE_HINT,
    cause,
  });
}

const UNAVAILABLE_HINT =
  'Check that the server runs, and its address; each attempt opens a new connection.';

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): number | undefined {
  return error instanceof CallError ? error.code : undefined;
}

function exceptionOf(error: unknown): string | undefined {
  return error instanceof CallError ? error.trailers['exception'] : undefined;
}
