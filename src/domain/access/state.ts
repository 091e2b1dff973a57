// The state of the access stream: all tokens.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { AccessEvent } from './events.ts';
import type { Scope } from './scopes.ts';

/** A token, by its hash. */
export type TokenRecord = {
  readonly tokenId: string;
  readonly name: string;
  readonly hash: string;
  readonly scopes: readonly Scope[];
  readonly userId?: string | undefined;
  readonly expiresAt?: Instant | undefined;
  readonly revoked: boolean;
};

export type AccessState = ReadonlyMap<string, TokenRecord>;

export const initialAccess: AccessState = new Map();

/** Total. An id is used once; a revoked token stays revoked. */
export function evolveAccess(state: AccessState, event: AccessEvent): AccessState {
  return match(event)
    .with({ type: 'TokenCreated' }, ({ data }) =>
      state.has(data.tokenId)
        ? state
        : new Map(state).set(data.tokenId, { ...data, revoked: false }),
    )
    .with({ type: 'TokenRevoked' }, ({ data: { tokenId } }) => {
      const token = state.get(tokenId);
      return token === undefined ? state : new Map(state).set(tokenId, { ...token, revoked: true });
    })
    .exhaustive();
}

/** A token is expired at `expiresAt` itself. */
export type TokenStatus = 'valid' | 'revoked' | 'expired';

export function tokenStatus({ revoked, expiresAt }: TokenRecord, now: Instant): TokenStatus {
  if (revoked) return 'revoked';
  return expiresAt !== undefined && expiresAt <= now ? 'expired' : 'valid';
}
