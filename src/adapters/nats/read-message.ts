// Reads one message of a JetStream stream by its sequence.
import { z } from 'zod';
import type { StoredMessage } from '../../projections/output.ts';
import { apiErrorText, apiRequest, isCode, type Connection } from './connection.ts';
import { jsCode, unavailable } from './failures.ts';
import { decodeHeaders } from './wire.ts';

const storedSchema = z.object({
  message: z.object({
    seq: z.number().int().positive(),
    subject: z.string(),
    hdrs: z.base64().optional(),
    data: z.base64().optional(),
  }),
});

/**
 * A stored message; `undefined` when there is none at the sequence.
 *
 * @throws OutputError (`unavailable`) when the server does not answer, or forbids it
 */
export async function readMessage(
  connection: Connection,
  stream: string,
  sequence: bigint,
): Promise<StoredMessage | undefined> {
  if (sequence < 1n) return undefined;
  // Not the direct get: a follower may answer it with an older state.
  const path = `STREAM.MSG.GET.${stream}`;
  const answer = await apiRequest(connection, path, { seq: Number(sequence) }, storedSchema);
  if (answer.ok) return stored(answer.value);
  const { noMessage, streamNotFound } = jsCode;
  if (isCode(answer.error, noMessage) || isCode(answer.error, streamNotFound)) return undefined;
  throw unavailable(`Message ${sequence} cannot be read: ${apiErrorText(answer.error)}`);
}

function stored({ message }: z.infer<typeof storedSchema>): StoredMessage {
  const { seq, subject, hdrs = '', data = '' } = message;
  const headers = decodeHeaders(Buffer.from(hdrs, 'base64').toString('latin1'));
  return { sequence: BigInt(seq), subject, headers, data: Buffer.from(data, 'base64') };
}
