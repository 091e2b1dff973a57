// The events of `tocsin.access`: tokens of the HTTP API. They are in the log, so that all processes of a kernel
// know the same tokens, and an audit can see who created and revoked each token. Only a hash is stored.
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import { SCOPES } from './scopes.ts';

const TokenId = z.string().regex(/^[0-9a-f]{16}$/);

export const ACCESS_EVENTS = {
  TokenCreated: z.object({
    tokenId: TokenId,
    name: textUpTo(128),
    /** SHA-256 of the whole token, lower-case hex; a token has 256 random bits, so it cannot be guessed. */
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    scopes: z.array(z.enum(SCOPES)).min(1),
    /** Absent: a service token, which acts for any user. */
    userId: StoredIdSchema.optional(),
    expiresAt: InstantCodec.optional(),
  }),
  TokenRevoked: z.object({
    tokenId: TokenId,
    reason: textUpTo(512).optional(),
    /** The user of the token, so that the reason can be sealed. */
    userId: StoredIdSchema.optional(),
  }),
};

export type AccessEvent = EventOf<typeof ACCESS_EVENTS>;

export const accessCodec = createCodec(ACCESS_EVENTS);

export function accessStream(kernel: string): string {
  return `${kernel}.access`;
}
