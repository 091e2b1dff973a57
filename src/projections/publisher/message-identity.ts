// The identity of a message of ours, as the headers of a stored message give it.
import type { StoredMessage } from '../output.ts';

export type MessageIdentity = {
  readonly ordinal: bigint;
  readonly id: string;
  readonly digest: string;
};

/** The identity of a stored message; `undefined` without our headers. */
export function identityOf(message: StoredMessage): MessageIdentity | undefined {
  const ordinal = message.headers.get('Tocsin-Ordinal');
  const id = message.headers.get('ce-id');
  const digest = message.headers.get('Tocsin-Digest');
  if (ordinal === undefined || id === undefined || digest === undefined) return undefined;
  return /^\d{1,19}$/.test(ordinal) ? { ordinal: BigInt(ordinal), id, digest } : undefined;
}

/** True when both are the same message of the same generation. */
export function isSameMessage(a: MessageIdentity, b: MessageIdentity): boolean {
  return a.ordinal === b.ordinal && a.id === b.id && a.digest === b.digest;
}
