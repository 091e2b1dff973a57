import * as runner from 'vitest';
import { connect } from 'nats';
import { afterAll, beforeAll } from 'vitest';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { listMessage, outputContract } from '../../src/facade/contracts/output.ts';

let server: TestNatsServer;

beforeAll(async () => {
  server = await testNatsServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

outputContract(runner, 'jetStreamOutput', async () => {
  const output = jetStreamOutput({ servers: server.url });
  const client = await connect({ servers: server.url });
  const { streams } = await client.jetstreamManager();
  return {
    output,
    storeForeign: async () => {
      await client.jetstream().publish(listMessage(1).subject, 'foreign');
    },
    removeStream: async () => {
      await streams.delete(output.stream);
    },
    [Symbol.asyncDispose]: async () => {
      // One server for all tests: the next one begins without a stream.
      for await (const { config } of streams.list()) await streams.delete(config.name);
      await client.close();
    },
  };
});
