// How far a call got: what a connection that breaks off in each phase leaves, by raw bytes of HTTP/1.1 and HTTP/2.
import { createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, it } from 'vitest';
import { selfSigned } from '../support/certificate.ts';
import {
  answer,
  listening,
  raw,
  send,
  SUCCESS,
  TLS,
  type Listening,
} from './senders-raw.support.ts';

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

const words = (...numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, at) => bytes.writeUInt32BE(number, 4 * at));
  return bytes;
};

const SETTINGS = frame(4, 0, 0, Buffer.alloc(0));
const [HEADERS, RST_STREAM, GOAWAY] = [1, 3, 7];
/** `:status: 204` in HPACK's static table. */
const NO_CONTENT = Buffer.from([0x89]);

/** Speaks HTTP/2 by raw frames: its settings, and these once the headers of the request have come. */
async function rawHttp2(...frames: readonly Buffer[]): Promise<Listening> {
  const server = createTlsServer({ ...TLS, ALPNProtocols: ['h2'] }, (socket) => {
    let received = Buffer.alloc(0);
    let isAnswered = false;
    socket.on('error', () => undefined);
    socket.write(SETTINGS);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let at = 24; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
        if (received[at + 3] !== HEADERS || isAnswered) continue;
        isAnswered = true;
        socket.write(Buffer.concat(frames));
      }
    });
  });
  return listening(server);
}

it.each([
  ['refuses the stream', [frame(RST_STREAM, 0, 1, words(7))], 'transient', 'network_error'],
  ['goes away before it', [frame(GOAWAY, 0, 0, words(0, 0))], 'transient', 'network_error'],
  ['goes away after it', [frame(GOAWAY, 0, 0, words(1, 2))], 'unknown', 'network_error'],
  ['cancels the stream', [frame(RST_STREAM, 0, 1, words(8))], 'unknown', 'network_error'],
  ['breaks off with an error', [frame(RST_STREAM, 0, 1, words(2))], 'unknown', 'network_error'],
  [
    'answers before it has read the message',
    [frame(HEADERS, 5, 1, NO_CONTENT), frame(RST_STREAM, 0, 1, words(0))],
    'accepted',
    'http_204',
  ],
  [
    'answers and goes away',
    [frame(HEADERS, 5, 1, NO_CONTENT), frame(GOAWAY, 0, 0, words(1, 0))],
    'accepted',
    'http_204',
  ],
] as const)(
  'a receiver of HTTP/2 that %s leaves the outcome that RFC 9113 gives it',
  async (_, frames, outcome, code) => {
    await using server = await rawHttp2(...frames);
    const url = `https://localhost:${server.port}`;
    expect(await send(url, ['127.0.0.1'])).toMatchObject({ outcome, code });
  },
);

it.each([
  ['with 40 KB of headers', answer(`Content-Security-Policy: ${'x'.repeat(40_000)}\r\n`, SUCCESS)],
  ['with lines that end in LF', Buffer.from(`HTTP/1.1 200 OK\nServer: odd\n\n${SUCCESS}`)],
  ['without a reason', Buffer.from(`HTTP/1.1 200\r\n\r\n${SUCCESS}`)],
  ['of HTTP/1.0', Buffer.from(`HTTP/1.0 200 OK\r\n\r\n${SUCCESS}`)],
  [
    'with a length and chunks',
    answer(
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      `${SUCCESS.length.toString(16)}\r\n${SUCCESS}\r\n0\r\n\r\n`,
    ),
  ],
  [
    'after others of 1xx',
    Buffer.concat([
      Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'),
      Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'),
      answer(`Content-Length: ${SUCCESS.length}\r\n`, SUCCESS),
    ]),
  ],
  [
    'with garbage behind its chunk',
    answer(
      'Transfer-Encoding: chunked\r\n',
      `${SUCCESS.length.toString(16)}\r\n${SUCCESS}\r\nGARBAGE\r\n`,
    ),
  ],
  ['with garbage behind it', answer(`Content-Length: ${SUCCESS.length}\r\n`, `${SUCCESS}garbage`)],
])('a whole answer %s is read at once', async (_, bytes) => {
  await using server = await raw(bytes);
  const url = `http://127.0.0.1:${server.port}`;
  expect(await send(url, [], 'feishu_flow')).toMatchObject({ outcome: 'accepted', code: '0' });
});

it.each([
  ['nothing', ''],
  ['half a status', 'HTTP/1.1 2'],
  ['half of the headers', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['1xx alone', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
])('a connection that ends after %s leaves the outcome unknown', async (_, bytes) => {
  for (const end of ['end', 'reset'] as const) {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write(bytes, () => (end === 'end' ? socket.end() : socket.resetAndDestroy()));
      });
    });
    await using listener = await listening(server);
    expect(await send(`http://127.0.0.1:${listener.port}`, [])).toMatchObject({
      outcome: 'unknown',
      code: 'network_error',
    });
  }
});

it.each([
  ['before the handshake', (socket: Socket) => socket.resetAndDestroy()],
  ['within the handshake', (socket: Socket) => socket.once('data', () => socket.resetAndDestroy())],
])('a TLS connection that is reset %s has sent nothing', async (_, reset) => {
  await using listener = await listening(createTcpServer(reset));
  expect(await send(`https://localhost:${listener.port}`, ['127.0.0.1'])).toMatchObject({
    outcome: 'transient',
    code: 'network_error',
  });
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a receiver that breaks a connection of %s just after the handshake does not end the process',
  async (version) => {
    const settings = { ...TLS, minVersion: version, maxVersion: version };
    const server = createTlsServer({ ...settings, requestCert: true, rejectUnauthorized: true });
    await using listener = await listening(server);
    const outcome = await send(`https://localhost:${listener.port}`, ['127.0.0.1']);
    expect(outcome.outcome).toBeOneOf(['unknown', 'transient']);
  },
);

it('an invalid certificate of one address ends no delivery while another address is away', async () => {
  const other = selfSigned();
  const server = createTlsServer({ cert: other.certificate, key: other.key });
  await using listener = await listening(server);
  const url = `https://localhost:${listener.port}`;
  expect(await send(url, ['127.0.0.1'])).toMatchObject({ code: 'tls_invalid' });
  expect(await send(url, ['127.0.0.1', '127.0.0.9'])).toMatchObject({
    outcome: 'transient',
    code: 'network_error',
  });
});

it.each([
  ['0', 0],
  ['0.5', 500],
  ['-1', undefined],
  ['99999999999999999999', 31_536_000_000],
  ['1e3', undefined],
  ['soon', undefined],
  ['', undefined],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Thu, 01 Jan 2026 10:18:00 GMT', 60_000],
  ['7\r\nRetry-After: 9', 7_000],
])('Retry-After: %j is a wait of %j ms', async (value, retryAfterMs) => {
  const text = `HTTP/1.1 429 Too Many\r\nRetry-After: ${value}\r\nContent-Length: 0\r\n\r\n`;
  await using server = await raw(text);
  const outcome = await send(`http://127.0.0.1:${server.port}`, []);
  expect(outcome).toMatchObject({ outcome: 'throttled', code: 'http_429' });
  expect('retryAfterMs' in outcome ? outcome.retryAfterMs : undefined).toBe(retryAfterMs);
});
