// Makes one HTTP POST to the first address of a name that answers: no redirect, proxy or retry. The result says how
// far the call got. HTTP/1.1 is offered first; a receiver that speaks only HTTP/2 gets HTTP/2.
import type { LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { connect as http2Connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { connectToFirst, type Connected } from './connect.ts';
import { readBody, type ReadBody } from './read-body.ts';

export type PostRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The addresses to connect to; host name and certificate are those of the URL. */
  readonly addresses: readonly LookupAddress[];
  readonly limits: PostLimits;
  readonly signal: AbortSignal;
  /** Certificates that are trusted besides those of Node, as PEM. */
  readonly ca?: string | undefined;
};

export type PostLimits = {
  readonly connectMs: number;
  readonly totalMs: number;
  /** Bytes of the answer that are read. */
  readonly maxBytes: number;
};

export const DEFAULT_LIMITS: PostLimits = {
  connectMs: 3_000,
  totalMs: 10_000,
  maxBytes: 16 * 1024,
};

export type Posted =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | undefined>>;
      /** As far as it came: it may be cut off. */
      readonly body: string;
    }
  | { readonly kind: 'unsent'; readonly code: 'connect_timeout' | 'network_error' | 'cut_off' }
  | { readonly kind: 'tls'; readonly code: 'tls_invalid' }
  | { readonly kind: 'no_tls'; readonly code: 'tls_failed' }
  /** The request may have arrived. */
  | { readonly kind: 'unanswered'; readonly code: 'provider_timeout' | 'network_error' };

/** Some receivers answer with more than the 16 KiB that Node reads. */
const MAX_HEADER_BYTES = 128 * 1024;

const KNOWN_HEADERS = ['retry-after', 'x-ogw-ratelimit-reset'] as const;

/** Makes the call. Never rejects. */
export async function post(options: PostRequest): Promise<Posted> {
  const { limits, signal } = options;
  if (signal.aborted) return { kind: 'unsent', code: 'cut_off' };
  const whole = AbortSignal.timeout(limits.totalMs);
  const connecting = AbortSignal.any([signal, whole, AbortSignal.timeout(limits.connectMs)]);
  let protocol: 'http/1.1' | 'h2' = 'http/1.1';
  let connected = await connectToFirst({ ...options, protocol }, connecting);
  if (connected.kind === 'no_protocol') {
    protocol = 'h2';
    connected = await connectToFirst({ ...options, protocol }, connecting);
  }
  if (connected.kind !== 'connected') return notConnected(connected, signal);
  // Nothing was written yet.
  if (connected.socket.destroyed) return { kind: 'unsent', code: 'network_error' };
  const call = protocol === 'h2' ? callHttp2 : callHttp1;
  return exchange(call(options, connected.socket), AbortSignal.any([signal, whole]));
}

function notConnected(
  connected: Exclude<Connected, { kind: 'connected' }>,
  signal: AbortSignal,
): Posted {
  if (connected.kind === 'no_protocol') return { kind: 'no_tls', code: 'tls_failed' };
  if (connected.kind === 'tls') {
    const { code } = connected;
    return code === 'tls_invalid' ? { kind: 'tls', code } : { kind: 'no_tls', code };
  }
  return signal.aborted ? { kind: 'unsent', code: 'cut_off' } : connected;
}

type Answer = {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: ReadBody;
};

/** The receiver says that it has not processed the request (RFC 9113, 8.7). */
class UnprocessedError extends Error {}

/** A request on its way; `answer` rejects when none can come any more. */
type Call = { readonly answer: Promise<Answer>; readonly destroy: () => void };

async function exchange({ answer, destroy }: Call, signal: AbortSignal): Promise<Posted> {
  const { promise: over, resolve } = Promise.withResolvers<'late'>();
  const late = (): void => {
    resolve('late');
  };
  signal.addEventListener('abort', late, { once: true });
  if (signal.aborted) late();
  try {
    const first = await Promise.race([answer, over]);
    if (first === 'late') return { kind: 'unanswered', code: 'provider_timeout' };
    const { status, header, body } = first;
    await Promise.race([body.ended, over]);
    return {
      kind: 'answer',
      status,
      headers: Object.fromEntries(KNOWN_HEADERS.map((name) => [name, header(name)])),
      body: body.text(header('content-encoding')),
    };
  } catch (error) {
    if (error instanceof UnprocessedError) return { kind: 'unsent', code: 'network_error' };
    // Whatever else broke the connection, the request was under way; the error may quote the address.
    return { kind: 'unanswered', code: 'network_error' };
  } finally {
    signal.removeEventListener('abort', late);
    destroy();
  }
}

function callHttp1({ url, headers, body, limits }: PostRequest, socket: Socket): Call {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({
    method: 'POST',
    // Host and path as they were checked, so that node:http does not parse the URL again.
    path: url.pathname + url.search,
    // No connection pool: pools are keyed by name, and this call is bound to checked addresses.
    createConnection: () => socket,
    // What these refuse counts as no answer, and the message would be sent again. Nothing follows on this connection.
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: true,
    headers: {
      ...commonHeaders(headers, body),
      host: url.host,
      connection: 'close',
    },
  });
  request.on('error', reject);
  // As after `101 Switching Protocols`, which Node ends without an error.
  request.on('close', () => {
    reject(new Error('the receiver ended the call without an answer'));
  });
  request.on('response', (response) => {
    const header = (name: string): string | undefined => {
      const value = response.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    // Read from now on: an error behind the body can close the response in this turn.
    const read = readBody(response, limits.maxBytes);
    resolve({ status: response.statusCode ?? 0, header, body: read });
  });
  request.end(body);
  const destroy = (): void => {
    request.destroy();
    socket.destroy();
  };
  return { answer, destroy };
}

function callHttp2({ url, headers, body, limits }: PostRequest, socket: Socket): Call {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  const session = http2Connect(url.origin, {
    createConnection: () => socket,
    settings: { enablePush: false },
  });
  session.on('error', reject);
  const stream = session.request({
    ':method': 'POST',
    ':path': url.pathname + url.search,
    ...commonHeaders(headers, body),
  });
  session.on('goaway', (_code, lastStreamId) => {
    if (stream.id !== undefined && lastStreamId < stream.id) reject(new UnprocessedError());
  });
  stream.on('error', (error) => {
    const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    reject(isRefused ? new UnprocessedError() : error);
  });
  stream.on('close', () => {
    reject(new Error('the receiver closed the stream without an answer'));
  });
  stream.on('response', (received) => {
    const header = (name: string): string | undefined => {
      const value = received[name];
      return typeof value === 'string' ? value : undefined;
    };
    const read = readBody(stream, limits.maxBytes);
    resolve({ status: Number(received[':status']), header, body: read });
  });
  stream.end(body);
  const destroy = (): void => {
    session.destroy();
    socket.destroy();
  };
  return { answer, destroy };
}

function commonHeaders(
  headers: Readonly<Record<string, string>>,
  body: string,
): Record<string, string> {
  return {
    'user-agent': 'tocsin',
    'accept-encoding': 'identity',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  };
}
