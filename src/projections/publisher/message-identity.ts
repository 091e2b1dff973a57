// Recognising our own messages in the output stream.
import type { StoredMessage } from '../output.ts';

/** What a stored message says about its place in the list. */
export type MessageIdentity = {
  readonly ordinal: bigint;
  readonly id: string;
  readonly digest: string;
};

/** The stamp of a message that carries our headers; `undefined` for anybody else's. */
export function identityOf(message: StoredMessage): MessageIdentity | undefined {
  const ordinal = message.headers.get('Tocsin-Ordinal');
  const id = message.headers.get('ce-id');
  const digest = message.headers.get('Tocsin-Digest');
  if (ordinal === undefined || id === undefined || digest === undefined) return undefined;
  return /^\d{1,19}$/.test(ordinal) ? { ordinal: BigInt(ordinal), id, digest } : undefined;
}

/** True when both name the same message of the same list. */
export function agrees(a: MessageIdentity, b: MessageIdentity): boolean {
  return a.ordinal === b.ordinal && a.id === b.id && a.digest === b.digest;
}
