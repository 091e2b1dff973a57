// Clients that connect and do not go on: each loses its connection, and costs no more than that.
import { connect } from 'node:net';
import { onTestFinished, expect, test } from 'vitest';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';

const PART = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc';

test.each([
  ['says nothing', '', false],
  ['says nothing and closes its half', '', true],
  ['sends a part of the headers', 'GET / HTTP/1.1\r\nho', false],
  ['sends a part of the headers and closes its half', 'GET / HTTP/1.1\r\nho', true],
  ['sends a part of the body', PART, false],
  ['sends a part of the body and closes its half', PART, true],
  ['sends nothing after an answer', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', false],
])('the connection of a client that %s ends', async (_what, text, closesHalf) => {
  const limits = {
    headersTimeout: 200,
    requestTimeout: 200,
    keepAliveTimeout: 200,
    connectionsCheckingInterval: 50,
  };
  const app = { fetch: async (request: Request) => new Response(await request.text()) };
  const server = await serveHttp(app, { port: 0, limits });
  onTestFinished(() => server.close());
  const client = connect({ port: Number(new URL(server.url).port), allowHalfOpen: true });
  onTestFinished(() => {
    client.destroy();
  });
  client.write(text);
  if (closesHalf) client.end();
  let answer = '';
  for await (const part of client) answer += String(part);
  expect(answer).toMatch(/^(?:HTTP\/1\.1 (?:200|400|408) |$)/);
});
