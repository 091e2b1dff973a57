// Receivers as they are: several addresses of which some lead nowhere, HTTP/2 only, answers that end early or are
// packed. Each is a real server that speaks raw bytes.
import { createSecureServer } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { answer, listening, raw, send, SUCCESS, TLS } from './senders-raw.support.ts';
import { answering, receiver } from './senders.support.ts';

it.each([
  ['refused', ['127.0.0.9', '127.0.0.1']],
  ['refused, several times', ['127.0.0.9', '127.0.0.8', '127.0.0.7', '127.0.0.1']],
  ['of a family that leads nowhere', ['2001:db8::1', '127.0.0.1']],
])('a sender goes on to the next address of a name when one is %s', async (_, addresses) => {
  await using server = await receiver(answering(200, ''));
  const outcome = await send(`http://several.example:${server.port}`, addresses);
  expect(outcome).toMatchObject({ outcome: 'accepted' });
  expect(server.received).toHaveLength(1);
});

it('a sender goes on to the next address when one takes the connection and finishes no handshake', async () => {
  await using healthy = await listening(
    createTlsServer(TLS, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    }),
  );
  let connections = 0;
  const frozen = createTcpServer(() => {
    connections += 1;
  });
  await using _frozen = await listening(frozen, '127.0.0.2', healthy.port);
  const url = `https://localhost:${healthy.port}`;
  expect(await send(url, ['127.0.0.2', '127.0.0.1'])).toMatchObject({
    outcome: 'accepted',
    code: 'http_204',
  });
  expect(connections).toBe(1);
});

it('a sender tells that no address of a name can be reached', async () => {
  const { port } = await closedPort();
  const outcome = await send(`http://several.example:${port}`, ['127.0.0.9', '127.0.0.1']);
  expect(outcome).toMatchObject({ outcome: 'transient', code: 'network_error' });
});

async function closedPort(): Promise<{ port: number }> {
  await using server = await listening(createTcpServer());
  return { port: server.port };
}

it('a receiver that speaks HTTP/2 only gets the message once', async () => {
  const received: { path: unknown; body: string }[] = [];
  const server = createSecureServer({ ...TLS, allowHTTP1: false });
  server.on('stream', (stream, headers) => {
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    stream.on('end', () => {
      received.push({ path: headers[':path'], body });
      stream.respond({ ':status': 429, 'retry-after': '7' });
      stream.end('{}');
    });
  });
  await using listener = await listening(server);
  const outcome = await send(`https://localhost:${listener.port}`, ['127.0.0.1']);
  expect(outcome).toMatchObject({ outcome: 'throttled', code: 'http_429', retryAfterMs: 7_000 });
  expect(received).toEqual([
    {
      path: '/hooks/canary-in-a-path',
      body: expect.stringContaining('tocsin.notification') as string,
    },
  ]);
});

it('a receiver of HTTP/2 that closes the connection after the request leaves the outcome unknown', async () => {
  const server = createSecureServer({ ...TLS, allowHTTP1: false });
  server.on('stream', (stream) => stream.session?.destroy());
  await using listener = await listening(server);
  expect(await send(`https://localhost:${listener.port}`, ['127.0.0.1'])).toMatchObject({
    outcome: 'unknown',
    code: 'network_error',
  });
});

it.each([
  ['no TLS', () => createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
  ['neither HTTP/1.1 nor HTTP/2', () => createTlsServer({ ...TLS, ALPNProtocols: ['other/1'] })],
  ['an old TLS', () => createTlsServer({ ...TLS, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })],
] as const)(
  'a receiver that speaks %s is not taken for one with an invalid certificate',
  async (_, server) => {
    await using listener = await listening(server());
    expect(await send(`https://localhost:${listener.port}`, ['127.0.0.1'])).toMatchObject({
      outcome: 'transient',
      code: 'tls_failed',
    });
  },
);

const packed = (name: string, body: Buffer): Buffer =>
  answer(`Content-Encoding: ${name}\r\nContent-Length: ${body.length}\r\n`, body);

it.each([
  [
    'without its last chunk',
    answer('Transfer-Encoding: chunked\r\n', `${SUCCESS.length.toString(16)}\r\n${SUCCESS}\r\n`),
  ],
  ['shorter than it says', answer('Content-Length: 500\r\n', SUCCESS)],
  ['with a byte order mark', answer('', `\ufeff${SUCCESS}`)],
  ['packed by gzip', packed('gzip', gzipSync(SUCCESS))],
  ['packed by gzip without its end', packed('GZIP', gzipSync(SUCCESS).subarray(0, -8))],
  ['packed by deflate', packed('deflate', deflateSync(SUCCESS))],
  ['packed by brotli', packed('br', brotliCompressSync(SUCCESS))],
])('a whole JSON in an answer %s is read', async (_, bytes) => {
  await using server = await raw(bytes);
  const url = `http://127.0.0.1:${server.port}`;
  expect(await send(url, [], 'feishu_flow')).toMatchObject({ outcome: 'accepted', code: '0' });
});

it.each([
  ['a part of a JSON', answer('Content-Length: 500\r\n', SUCCESS.slice(0, -1))],
  ['another encoding than it names', packed('gzip', Buffer.from(SUCCESS))],
  ['a bomb', packed('gzip', gzipSync(`${SUCCESS}${' '.repeat(1_000_000)}`))],
])('an answer with %s is one that cannot be read', async (_, bytes) => {
  await using server = await raw(bytes);
  const url = `http://127.0.0.1:${server.port}`;
  expect(await send(url, [], 'feishu_flow')).toMatchObject({
    outcome: 'suspect',
    code: 'unparsable',
  });
});
