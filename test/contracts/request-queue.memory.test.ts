import * as runner from 'vitest';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import { memoryRequestQueue } from '../../src/adapters/memory/request-queue.ts';
import { requestQueueContract } from '../../src/facade/contracts/request-queue.ts';

requestQueueContract(runner, 'memoryRequestQueue', async () => {
  const output = recordingOutput();
  const session = await output.connect();
  await session.create('a test');
  const queue = memoryRequestQueue({ source: output });
  const data = new Uint8Array();
  let sequence = 0n;
  return {
    open: () => queue,
    store: (subject, id) =>
      session.publish((sequence += 1n), [{ subject, headers: [['ce-id', id]], data }]),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
});
