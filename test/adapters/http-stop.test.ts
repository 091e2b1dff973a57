// An HTTP server ends, whatever its clients do with their connections.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { serveHttp } from '../../src/adapters/http/server/serve.ts';
import { until } from '../support/until.ts';

const LARGE = new Uint8Array(64 * 1024 * 1024);

const request = (first: string, more = ''): string => `${first}\r\nHost: localhost\r\n${more}\r\n`;

test.each([
  ['sends nothing', ''],
  ['sends half of a request', 'GET / HTTP/1.1\r\nHost: loc'],
  ['sends half of a body', request('POST / HTTP/1.1', 'Content-Length: 1000\r\n') + 'half'],
  ['reads no answer', request('GET /large HTTP/1.1')],
  ['sends many requests and reads no answer', request('GET /large HTTP/1.1').repeat(20)],
  [
    'asks for another protocol',
    request('GET / HTTP/1.1', 'Connection: upgrade\r\nUpgrade: h2c\r\n'),
  ],
  ['asks for a tunnel', request('CONNECT localhost:1 HTTP/1.1')],
])('a client that %s does not keep the server from ending', async (_what, text) => {
  let asked = 0;
  const fetch = async (call: Request): Promise<Response> => {
    asked += 1;
    await call.text();
    return new Response(new URL(call.url).pathname === '/large' ? LARGE : 'ok');
  };
  const server = await serveHttp({ fetch }, { port: 0 });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  socket.pause();
  if (text !== '') await new Promise((done) => socket.write(text, done));
  if (text.endsWith('\r\n\r\n') && text.startsWith('GET'))
    await until('a request', () => asked > 0);
  await expect(server.close()).resolves.toBeUndefined();
});
