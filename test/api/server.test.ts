// The API behind a real HTTP server, with well-behaved and misbehaving clients.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveHttp, type HttpServer } from '../../src/adapters/http/server/serve.ts';
import { apiWorld, type ApiWorld } from './api.support.ts';

const TRIGGER = '/api/v1/active-schedule/trigger';
const ABOUT = { trigger_type: 'important_urgent_task', target_type: 'task_pool', target_id: 7 };

let world: ApiWorld;
let server: HttpServer;

beforeAll(async () => {
  world = await apiWorld();
  server = await serveHttp(world.app, { port: 0 });
});

afterAll(async () => {
  await server.close();
  world[Symbol.dispose]();
});

const post = (
  body: string | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
) =>
  fetch(`${server.url}${TRIGGER}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.one}`,
      'content-type': 'application/json',
      ...headers,
    },
    body,
    duplex: 'half',
  });

/** Sends bytes, and returns all bytes that come back until the connection ends or falls silent. */
async function raw(text: string): Promise<string> {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.end(text);
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('concurrent raises of many clients give one trigger', async () => {
  const body = JSON.stringify(ABOUT);
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const response = await post(body, { 'idempotency-key': 'the same' });
      return { status: response.status, body: (await response.json()) as { trigger_id: string } };
    }),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.every(({ status }) => status === 200 || status === 201)).toBe(true);
  expect(new Set(answers.map(({ body: { trigger_id } }) => trigger_id)).size).toBe(1);
});

test('an endless body is refused, and the next request is served', async () => {
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(16 * 1024).fill(0x20));
    },
  });
  // The server may answer before the end of the body, or close the connection.
  const status = await post(endless).then(
    (response) => response.status,
    () => 'cut',
  );
  expect([413, 'cut']).toContain(status);
  expect((await post(JSON.stringify(ABOUT))).status).toBe(200);
});

test.each([
  ['GET /%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  ['GET //evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  ['GET /api/v1/../../openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 200],
  ['GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', 400],
  ['TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
])('%j is answered with %#', async (text, status) => {
  expect(await raw(text)).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
});

test('HEAD has no body, and /openapi.json needs no token', async () => {
  const response = await fetch(`${server.url}/openapi.json`, { method: 'HEAD' });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('');
});
