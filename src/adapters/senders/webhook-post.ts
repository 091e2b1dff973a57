// Makes one HTTP POST to one checked address: no redirect, proxy or retry. The result tells how far the call got.
import type { LookupAddress } from 'node:dns';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';

export type PostRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The address to connect to; host name and certificate are those of the URL. */
  readonly address: LookupAddress;
  readonly limits: PostLimits;
  readonly signal: AbortSignal;
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
      readonly body: string;
      /** False when the body was cut off, because it was too long or too slow. */
      readonly complete: boolean;
    }
  | { readonly kind: 'unsent'; readonly code: 'connect_timeout' | 'network_error' | 'cut_off' }
  | { readonly kind: 'tls'; readonly code: 'tls_invalid' }
  /** The request may have arrived. */
  | { readonly kind: 'unanswered'; readonly code: 'provider_timeout' | 'network_error' };

const KNOWN_HEADERS = ['retry-after', 'x-ogw-ratelimit-reset'] as const;

/** Makes the call. Never rejects. */
export function post(options: PostRequest): Promise<Posted> {
  const { url, headers, body, address, limits, signal } = options;
  if (signal.aborted) return Promise.resolve({ kind: 'unsent', code: 'cut_off' });
  return new Promise((resolve) => {
    const isTls = url.protocol === 'https:';
    const request = (isTls ? httpsRequest : httpRequest)({
      ...target(url),
      method: 'POST',
      // No connection pool: pools are keyed by name, and this call is bound to one address.
      agent: false,
      lookup: pinned(address),
      headers: {
        'user-agent': 'tocsin',
        'accept-encoding': 'identity',
        ...headers,
        'content-length': String(Buffer.byteLength(body)),
      },
    });
    let connected = false;
    let isOver = false;
    const finish = (posted: Posted): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(connecting);
      clearTimeout(whole);
      signal.removeEventListener('abort', cutOff);
      resolve(posted);
      request.destroy();
    };
    let answered: (() => Posted) | undefined;
    const late = (code: 'connect_timeout' | 'cut_off'): void => {
      if (answered !== undefined) finish(answered());
      else if (connected) finish({ kind: 'unanswered', code: 'provider_timeout' });
      else finish({ kind: 'unsent', code });
    };
    const cutOff = (): void => {
      late('cut_off');
    };
    const connecting = setTimeout(() => {
      if (!connected) late('connect_timeout');
    }, limits.connectMs);
    const whole = setTimeout(() => {
      late('connect_timeout');
    }, limits.totalMs);
    signal.addEventListener('abort', cutOff, { once: true });
    request.on('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        // The last check of the address, now of the connected socket.
        if (socket.remoteAddress !== undefined && !isSame(socket.remoteAddress, address)) {
          finish({ kind: 'unsent', code: 'network_error' });
          return;
        }
        connected = true;
        // Only now, after the TLS handshake: no data goes to a server with a wrong certificate.
        request.end(body);
      });
    });
    request.on('error', (error) => {
      if (answered !== undefined) finish(answered());
      else finish(failureOf(error, connected));
    });
    request.on('response', (response) => {
      answered = readAnswer(response, limits.maxBytes, finish);
    });
  });
}

/** Reads the answer; the returned function gives the part that was read so far. */
function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
  finish: (posted: Posted) => void,
): () => Posted {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const soFar = (complete: boolean): Posted => ({
    kind: 'answer',
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(KNOWN_HEADERS.map((name) => [name, headerOf(response, name)])),
    body: Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'),
    complete,
  });
  const finishing = (complete: () => boolean) => (): void => {
    finish(soFar(complete()));
  };
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) finish(soFar(false));
  });
  response.once(
    'end',
    finishing(() => true),
  );
  response.once(
    'error',
    finishing(() => false),
  );
  response.once(
    'close',
    finishing(() => response.complete),
  );
  return () => soFar(false);
}

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Host and path as they were checked, so that node:http does not parse the URL again. */
function target(url: URL): RequestOptions {
  const { protocol, port, pathname, search } = url;
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { protocol, hostname, port: port === '' ? undefined : port, path: pathname + search };
}

function pinned({ address, family }: LookupAddress): NonNullable<RequestOptions['lookup']> {
  return (_hostname, { all }, callback) => {
    if (all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

function isSame(remote: string, { address }: LookupAddress): boolean {
  return (
    remote === address || remote === `::ffff:${address}` || shortest(remote) === shortest(address)
  );
}

/** IPv6 addresses have several notations. */
function shortest(address: string): string {
  return URL.parse(`http://[${address}]/`)?.hostname ?? address;
}

function failureOf(error: Error, connected: boolean): Posted {
  if (connected) return { kind: 'unanswered', code: 'network_error' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^ERR_TLS_|CERT|SELF_SIGNED|UNABLE_TO_/.test(code)
    ? { kind: 'tls', code: 'tls_invalid' }
    : { kind: 'unsent', code: 'network_error' };
}
