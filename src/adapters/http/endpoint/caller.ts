// Identifies the caller and the user of a request, and checks the scope.
import type { Scope } from '../../../domain/access/scopes.ts';
import { IdSchema, type UserId } from '../../../domain/core/identity.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { Tokens } from '../../../kernel/access/tokens.ts';
import type { Endpoint } from './endpoint.ts';
import type { Problem } from './problems.ts';

/** An authenticated caller. */
export type Caller = {
  /** Names the caller in events and rate limits; stable and not secret. */
  readonly id: string;
  /** Absent: the caller may act for any user. */
  readonly userId?: UserId | undefined;
  readonly scopes: readonly Scope[];
};

/** Identifies the caller of a request; `undefined` means unauthorized. A rejection is an outage. */
export type Authenticate = (request: Request) => Promise<Caller | undefined>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i;

/** Authenticates callers by bearer token. */
export function bearerTokens(tokens: Pick<Tokens, 'verify'>): Authenticate {
  return async (request) => {
    const text = BEARER.exec(request.headers.get('authorization') ?? '')?.[1];
    const token = text === undefined ? undefined : await tokens.verify(text);
    if (token === undefined) return undefined;
    const { tokenId, userId, scopes } = token;
    return { id: `token:${tokenId}`, userId, scopes };
  };
}

/** The header with the user that the service acts for. */
export const USER_HEADER = 'tocsin-user';

/** The user of a request, or the reason for a refusal. */
export function userOf(
  { userId, scopes }: Caller,
  { scope, userScope }: Endpoint,
  headers: Headers,
): Result<UserId | undefined, Problem> {
  if (!scopes.includes(scope)) {
    const detail = `This request needs a token with the scope ${scope}.`;
    return err({ code: 'scope_missing', detail });
  }
  if (userScope === 'none') return ok(undefined);
  const text = headers.get(USER_HEADER);
  if (text === null) return ok(userId);
  const named = IdSchema.safeParse(text);
  if (!named.success) {
    const message = 'is not a user id';
    const issues = [{ field: 'Tocsin-User', message }];
    return err({ code: 'invalid_field', detail: `Tocsin-User ${message}`, issues });
  }
  if (userId !== undefined && userId !== named.data) {
    const detail = 'This token acts for its own user only; leave out Tocsin-User.';
    return err({ code: 'other_user', detail });
  }
  return ok(named.data);
}
