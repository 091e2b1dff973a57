import { connect } from 'nats';
import * as runner from 'vitest';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { requestQueueContract } from '../../src/facade/contracts/request-queue.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';

let server: TestNatsServer;

runner.beforeAll(async () => {
  server = await testNatsServer();
});
runner.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

requestQueueContract(runner, 'jetStreamInbox', async () => {
  const servers = server.url;
  const session = await jetStreamOutput({ servers }).connect();
  await session.create('a test');
  const data = new Uint8Array();
  let sequence = 0n;
  return {
    open: () => jetStreamInbox({ servers }),
    store: (subject, id) =>
      session.publish((sequence += 1n), [{ subject, headers: [['ce-id', id]], data }]),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      // One server for all tests: the next one begins without a stream.
      const client = await connect({ servers });
      const { streams } = await client.jetstreamManager();
      for await (const { config } of streams.list()) await streams.delete(config.name);
      await client.close();
    },
  };
});
