// Checks the token of a call. Without a configured token every call is allowed.
import { createHash, timingSafeEqual } from 'node:crypto';
import { status, type Metadata } from '@grpc/grpc-js';
import { Refusal } from './refusal.ts';

/** The refusal of a call, or `undefined` for an allowed call. */
export type Gate = (metadata: Metadata) => Refusal | undefined;

/** @param token accepted as `Bearer token` and as the password of `Basic`, with any user's name */
export function gate(token: string | undefined): Gate {
  if (token === undefined) return () => undefined;
  const expected = digest(token);
  return (metadata) => {
    const sent = metadata.get('authorization')[0];
    const secret = typeof sent === 'string' ? secretIn(sent) : undefined;
    // Digests have equal lengths, so the comparison reveals nothing about the length of the token.
    if (secret !== undefined && timingSafeEqual(digest(secret), expected)) return undefined;
    return new Refusal(status.UNAUTHENTICATED, 'Not Authenticated: this server requires its token');
  };
}

function secretIn(header: string): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S{1,4096})$/i.exec(header) ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.slice(colon + 1);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
