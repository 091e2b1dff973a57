// The messages that a projector sends, kept for the limits that send them again.
import { connect } from 'nats';
import { createConfig, planStream } from '../../src/adapters/nats/stream.ts';
import type { Output, OutputMessage } from '../../src/projections/output.ts';
import type { ReadyMessage } from '../limits/bare-publisher.ts';

export const STREAM = 'TOCSIN';

/** A message ready for the socket, at its place in the stream. */
export function ready(message: OutputMessage, index: number): ReadyMessage {
  const { subject, data: body } = message;
  return { subject, head: headerBlock(message, index + 1), body };
}

/** The header block of the message with that sequence, as the limit sends it. */
function headerBlock({ headers }: OutputMessage, sequence: number): Uint8Array {
  const fence = `Nats-Expected-Stream: ${STREAM}\r\nNats-Expected-Last-Sequence: ${sequence - 1}`;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`NATS/1.0\r\n${lines}${fence}\r\n\r\n`, 'latin1');
}

/** Notes what an output is given. */
export function noting(output: Output, sent: OutputMessage[]): Output {
  return {
    stream: output.stream,
    connect: async (signal) => {
      const session = await output.connect(signal);
      return {
        info: () => session.info(),
        create: (description) => session.create(description),
        read: (sequence) => session.read(sequence),
        publish: (first, messages) => {
          sent.push(...messages);
          return session.publish(first, messages);
        },
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    },
  };
}

export async function createStream(url: string): Promise<void> {
  await api(url, `STREAM.CREATE.${STREAM}`, createConfig(planStream({ stream: STREAM }), 'bench'));
}

export async function deleteStream(url: string): Promise<void> {
  await api(url, `STREAM.DELETE.${STREAM}`, {});
}

async function api(url: string, path: string, payload: unknown): Promise<void> {
  const client = await connect({ servers: url });
  const reply = await client.request(`$JS.API.${path}`, JSON.stringify(payload), {
    timeout: 30_000,
  });
  await client.close();
  if (reply.string().includes('"error"')) throw new Error(`${path}: ${reply.string()}`);
}
