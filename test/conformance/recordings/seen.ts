// What readers see of streams, in the short form of the recordings links, metadata and soft-delete.
import type { Client } from '@grpc/grpc-js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { field } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { appendInBatch, describeStatus, openRead, unary } from './calls.ts';
import { anEvent, encodeOptions, encodeRead, type Expected, type ReadOptions } from './wire.ts';

type Recorded = NonNullable<ReturnType<NonNullable<ReturnType<ReadResp['getEvent']>>['getEvent']>>;

/** `0@s`, with the type where it is not T. */
export function shortName(event: Recorded): string {
  const stream = Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
  const type = event.getMetadataMap().get('type') ?? '';
  return `${event.getStreamRevision()}@${stream}${type === 'T' ? '' : ` (${type})`}`;
}

export function describeMessage(message: ReadResp): unknown {
  if (message.hasConfirmation()) return 'confirmed';
  if (message.hasCaughtUp()) return 'caughtUp';
  if (message.hasStreamNotFound()) return 'streamNotFound';
  const event = message.getEvent()?.getEvent();
  const link = message.getEvent()?.getLink();
  if (link !== undefined) {
    return {
      event: event === undefined ? null : shortName(event),
      link: shortName(link),
      ...(event === undefined && { more: 'no event' }),
    };
  }
  return event === undefined ? 'nothing' : shortName(event);
}

export async function readAll(client: Client, options: ReadOptions) {
  const read = openRead(client, encodeRead(options));
  await read.until(() => false, 10_000);
  const end = read.end();
  const status = end && describeStatus(end);
  return {
    messages: read.messages.map(describeMessage),
    end: status?.code === 'OK' ? 'OK' : status,
  };
}

/** Names joined in a line, or the messages with their end when they are no events alone. */
export async function line(client: Client, options: ReadOptions): Promise<unknown> {
  const { messages, end } = await readAll(client, options);
  const isPlain = end === 'OK' && !messages.includes('streamNotFound');
  return isPlain ? messages.join(' ') : { messages, end };
}

export const append = (client: Client, stream: string, expected: Expected, count: number) =>
  appendInBatch(
    client,
    stream,
    expected,
    Array.from({ length: count }, () => anEvent()),
  );

export function setMetadata(client: Client, stream: string, data: string): Promise<unknown> {
  return appendInBatch(client, `$$${stream}`, 'any', [anEvent({ type: '$metadata', data })]);
}

export const remove = (
  client: Client,
  method: 'Delete' | 'Tombstone',
  stream: string,
  expected: Expected,
) => unary(client, method, [field(1, ...encodeOptions(stream, expected))]);
