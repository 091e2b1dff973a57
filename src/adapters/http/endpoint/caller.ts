// Who calls, for whom, and whether they may.
import type { Scope } from '../../../domain/access/scopes.ts';
import { IdSchema, type UserId } from '../../../domain/core/identity.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { Tokens } from '../../../kernel/access/tokens.ts';
import type { Endpoint } from './endpoint.ts';
import type { Problem } from './problems.ts';

/** Somebody who was let in. */
export type Caller = {
  /** For the record and for rate limits: stable, and no secret. */
  readonly id: string;
  /** Absent: it speaks for any user. */
  readonly userId?: UserId | undefined;
  readonly scopes: readonly Scope[];
};

/** Tells who sent a request; `undefined` for nobody who may. What it throws is an outage. */
export type Authenticate = (request: Request) => Promise<Caller | undefined>;

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i;

/** Lets in who has a valid bearer token. */
export function bearerTokens(tokens: Pick<Tokens, 'verify'>): Authenticate {
  return async (request) => {
    const text = BEARER.exec(request.headers.get('authorization') ?? '')?.[1];
    const token = text === undefined ? undefined : await tokens.verify(text);
    if (token === undefined) return undefined;
    const { tokenId, userId, scopes } = token;
    return { id: `token:${tokenId}`, userId, scopes };
  };
}

/** The header that names the user whom the service speaks for. */
export const USER_HEADER = 'tocsin-user';

/** The user whom a call is about, or why the caller may not. */
export function userOf(
  { userId, scopes }: Caller,
  { scope, speaksFor }: Endpoint,
  headers: Headers,
): Result<UserId | undefined, Problem> {
  if (!scopes.includes(scope)) {
    return err({ code: 'scope_missing', detail: `A token with the scope ${scope} may do this.` });
  }
  if (speaksFor === 'none') return ok(undefined);
  const text = headers.get(USER_HEADER);
  if (text === null) return ok(userId);
  const named = IdSchema.safeParse(text);
  if (!named.success) {
    const message = 'is not a user id';
    const issues = [{ field: 'Tocsin-User', message }];
    return err({ code: 'invalid_field', detail: `Tocsin-User ${message}`, issues });
  }
  if (userId !== undefined && userId !== named.data) {
    const detail = 'This token speaks for its own user only; leave Tocsin-User out.';
    return err({ code: 'other_user', detail });
  }
  return ok(named.data);
}
