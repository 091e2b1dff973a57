// The streams that the recordings of refusals begin with, and the numbers as recordings write them.
import type { Client } from '@grpc/grpc-js';
import { field } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { appendInBatch, unary } from './calls.ts';
import { anEvent, encodeOptions, type Expected } from './wire.ts';

/** The streams that all three begin with. */
export async function layGround(client: Client): Promise<void> {
  const append = (stream: string, count: number): Promise<unknown> =>
    appendInBatch(
      client,
      stream,
      'any',
      Array.from({ length: count }, () => anEvent()),
    );
  const metadata = (stream: string): Promise<unknown> =>
    appendInBatch(client, `$$${stream}`, 'any', [anEvent({ type: '$metadata' })]);
  const remove = (method: 'Delete' | 'Tombstone', stream: string): Promise<unknown> =>
    unary(client, method, [field(1, ...encodeOptions(stream, 'any'))]);
  await append('three', 3);
  await append('tombstoned', 2);
  await remove('Tombstone', 'tombstoned');
  await append('meta-tombstoned', 1);
  await metadata('meta-tombstoned');
  await remove('Tombstone', 'meta-tombstoned');
  await append('deleted', 2);
  await remove('Delete', 'deleted');
  await metadata('only-metadata');
}

/** A number as recordings write it: 7, 2^63, 2^64-1. */
export function numberIn(text: string): bigint {
  const [, power, less] = /^2\^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (power !== undefined) return 2n ** BigInt(power) - BigInt(less ?? 0);
  return BigInt(text);
}

export function expectationIn(text: string): Expected {
  return text === 'any' || text === 'no_stream' || text === 'stream_exists' ? text : numberIn(text);
}
