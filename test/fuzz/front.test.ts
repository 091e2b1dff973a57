// Invalid and nearly valid messages in every call of the front: each is answered with a status, and the front keeps serving.
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { corpusOf } from './corpus.ts';
import { aFront, batch, fragment, rawClient, readRequest } from '../adapters/front.support.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_124);
const id = '00000000-0000-4000-8000-000000000001';

/** Good requests, to be spoilt. */
const good = [fragment({ id, stream: 'a' }), readRequest()].map((request) =>
  Buffer.from(request.serializeBinary()),
);

const message = fc.oneof(
  fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array)),
  fc
    .tuple(
      fc.constantFrom(...good),
      fc.nat({ max: 60 }),
      fc.nat({ max: 9 }),
      fc.uint8Array({ maxLength: 6 }),
    )
    .map(([bytes, at, cut, put]) =>
      Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]),
    ),
);

/** The status of a call that sends these messages; what it answers besides is passed by. */
async function statusOf(client: Client, method: string, messages: readonly Buffer[]) {
  const same = (bytes: Buffer): Buffer => bytes;
  const path = `/event_store.client.streams.Streams/${method}`;
  const options = { deadline: Date.now() + 20_000 };
  const call = client.makeBidiStreamRequest(path, same, same, new Metadata(), options);
  const { promise, resolve } = Promise.withResolvers<number>();
  call.on('status', ({ code }) => {
    resolve(code);
  });
  // Told by the status.
  call.on('error', () => undefined);
  call.resume();
  for (const bytes of messages) call.write(bytes);
  call.end();
  return promise;
}

it('the front answers any bytes in any call in time and never crashes', async () => {
  const { port } = await aFront();
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const names = ['Append', 'Read', 'Delete', 'Tombstone', 'BatchAppend'];
    const methods = fc.constantFrom(...names);
    const kept = corpusOf('calls').flatMap((found) =>
      ['Append', 'Read', 'BatchAppend'].map((name): [string, Buffer[]] => [name, [found]]),
    );
    await fc.assert(
      fc.asyncProperty(methods, fc.array(message, { maxLength: 3 }), async (method, messages) => {
        expect(await statusOf(client, method, messages)).not.toBe(status.DEADLINE_EXCEEDED);
      }),
      { seed, numRuns: 120 + kept.length, examples: kept },
    );
    const [answer] = await batch(rawClient(port), [fragment({ id, stream: 'afterwards' })]);
    expect(answer?.getSuccess()?.getCurrentRevision()).toBe('0');
  } finally {
    client.close();
  }
}, 120_000);
