// Compares one stored message with the message that the log gives.
import type { PlannedMessage } from '../../dedupe/page.ts';
import { SIGNATURE_HEADER } from '../../message-signature.ts';
import type { StoredMessage } from '../../output.ts';
import type { CopiedPositions } from './copied-positions.ts';

/**
 * Headers for the server or of a server that copied the stream, and the projector's signature, which depends on a key
 * that an audit does not have.
 */
const UNCOMPARED: ReadonlySet<string> = new Set([
  ...['Nats-Expected-Stream', 'Nats-Expected-Last-Sequence', 'Nats-Stream-Source'],
  SIGNATURE_HEADER,
]);

/** The message with another number and digest. */
export function numbered(planned: PlannedMessage, ordinal: bigint, digest: string): PlannedMessage {
  const headers = planned.message.headers.map(([name, value]) => {
    if (name === 'Tocsin-Ordinal') return [name, String(ordinal)] as const;
    return [name, name === 'Tocsin-Digest' ? digest : value] as const;
  });
  return { ...planned, ordinal, digest, message: { ...planned.message, headers } };
}

/** The event that a message names as its source. */
export function sourceOf(headers: PlannedMessage['message']['headers']): string {
  const of = (name: string): string => headers.find(([one]) => one === name)?.[1] ?? '?';
  return `event ${of('Tocsin-Revision')} of ${of('Tocsin-Stream')} (${of('ce-type')})`;
}

/** The differences of a stored message; personal content is not quoted. */
export function messageDifference(
  { message }: PlannedMessage,
  stored: StoredMessage,
  copied: CopiedPositions,
): string | undefined {
  const parts: string[] = [];
  if (stored.subject !== message.subject)
    parts.push(`subject: ${stored.subject}, not ${message.subject}`);
  let known = 0;
  for (const [name, value] of message.headers) {
    const found = stored.headers.get(name);
    if (found !== undefined) known += 1;
    if (found === value) continue;
    if (name === 'Tocsin-Position' && found !== undefined && copied.accepts(value, found)) continue;
    parts.push(`${name}: ${found ?? 'absent'}, not ${value}`);
  }
  if (stored.headers.size > known) {
    const names = new Set(message.headers.map(([name]) => name));
    for (const name of stored.headers.keys()) {
      if (!names.has(name) && !UNCOMPARED.has(name)) parts.push(`${name}: a header too many`);
    }
  }
  if (Buffer.compare(message.data, stored.data) !== 0) {
    parts.push(`body: ${stored.data.length} other bytes than the ${message.data.length} expected`);
  }
  return parts.length === 0 ? undefined : parts.join('; ');
}
