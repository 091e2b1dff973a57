// Decisions about tokens.
import { z } from 'zod';
import { textUpTo } from '../core/envelope.ts';
import { IdSchema } from '../core/identity.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import {
  InstantInput,
  issuesOf,
  rejection,
  rejectionWith,
  type RejectionOf,
} from '../core/input.ts';
import type { AccessEvent } from './events.ts';
import { SCOPES, SERVICE_SCOPES } from './scopes.ts';
import type { AccessState } from './state.ts';

/** A request for a token. */
export const TokenInputSchema = z.strictObject({
  /** Its purpose, for readers of the list of tokens. */
  name: z.string().trim().pipe(textUpTo(128)),
  scopes: z
    .array(z.enum(SCOPES, { error: `must be of ${SCOPES.join(', ')}` }))
    .min(1, { error: `must name at least one of ${SCOPES.join(', ')}` }),
  /** The user it is bound to; absent, it is a service token, which acts for any user. */
  userId: IdSchema.optional(),
  /** Default: it is valid until it is revoked. */
  expiresAt: InstantInput.optional(),
});

/** {@link TokenInputSchema} before it is checked. */
export type TokenInput = z.input<typeof TokenInputSchema>;

/** Why a token was refused; stable codes. */
export type TokenRejection = RejectionOf<'invalid_field' | 'service_scope'>;

export type MintedToken = { readonly tokenId: string; readonly hash: string };

export function decideCreateToken(
  input: unknown,
  minted: MintedToken,
  now: Instant,
): Result<Extract<AccessEvent, { type: 'TokenCreated' }>, TokenRejection> {
  const parsed = TokenInputSchema.safeParse(input);
  if (!parsed.success) {
    return err(rejectionWith('invalid_field', issuesOf(parsed.error, { input })));
  }
  const { userId, expiresAt } = parsed.data;
  const scopes = SCOPES.filter((scope) => parsed.data.scopes.includes(scope));
  const forbidden = scopes.filter((scope) => SERVICE_SCOPES.includes(scope));
  if (userId !== undefined && forbidden.length > 0) {
    const message = `cannot hold ${forbidden.join(', ')} in a user’s token: it affects all users`;
    return err(rejection('service_scope', 'scopes', message));
  }
  if (expiresAt !== undefined && expiresAt <= now) {
    return err(rejection('invalid_field', 'expiresAt', 'must be later than now'));
  }
  return ok({ type: 'TokenCreated', data: { ...parsed.data, ...minted, scopes } });
}

/** Revoking a revoked token changes nothing; `undefined` when there is no such token. */
export function decideRevokeToken(
  state: AccessState,
  { tokenId, reason }: { readonly tokenId: string; readonly reason: string | undefined },
): readonly AccessEvent[] | undefined {
  const token = state.get(tokenId);
  if (token === undefined) return undefined;
  const { userId, revoked } = token;
  return revoked ? [] : [{ type: 'TokenRevoked', data: { tokenId, reason, userId } }];
}
