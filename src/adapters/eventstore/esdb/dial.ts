// Opens the HTTP/2 connection to a node: TCP, TLS and the settings of both sides, or an error that names the host
// and the cause. Until then the socket can be ended at any moment.
import { readFile } from 'node:fs/promises';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ClosedEarly } from './dial-faults.ts';
import { authorityOf, type Endpoint } from './endpoint.ts';

/** PEM files, by their paths. */
export type TlsFiles = {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
};

/**
 * Bytes that the server may send ahead of the reader. HTTP/2's 64 KiB hold about fifty events: after each
 * fifty the server would wait for the reader.
 */
const WINDOW_BYTES = 1024 * 1024;

/** Large appends wait in the session; their callers bound them. */
const SESSION_MEMORY_MB = Number.MAX_SAFE_INTEGER;

/**
 * @param tls `undefined` for plain text. The files are read at each dial, so that a replaced one counts
 * @param signal ends the dial and destroys its socket
 * @throws the error of the file, the socket or the certificate, or the signal's reason
 */
export async function dial(
  endpoint: Endpoint,
  tls: TlsFiles | undefined,
  signal: AbortSignal,
): Promise<ClientHttp2Session> {
  const files = tls && (await readPem(tls));
  signal.throwIfAborted();
  const socket = open(endpoint, files);
  const session = connectHttp2(`${tls ? 'https' : 'http'}://${authorityOf(endpoint)}`, {
    createConnection: () => socket,
    settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    maxSessionMemory: SESSION_MEMORY_MB,
  });
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
  const abort = (): void => {
    reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    session.destroy();
    socket.destroy();
  };
  signal.addEventListener('abort', abort, { once: true });
  session.on('error', reject);
  session.once('close', () => {
    reject(new ClosedEarly(tls === undefined));
  });
  session.once('remoteSettings', () => {
    session.setLocalWindowSize(WINDOW_BYTES);
    resolve(session);
  });
  try {
    return await promise;
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

type Pem = { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };

async function readPem({ caFile, certFile, keyFile }: TlsFiles): Promise<Pem> {
  return {
    ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
    ...(certFile === undefined ? {} : { cert: await readFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: await readFile(keyFile) }),
  };
}

function open({ address, dialled, port }: Endpoint, pem: Pem | undefined): Socket {
  const host = dialled ?? address;
  const socket =
    pem === undefined
      ? connectTcp({ host, port })
      : connectTls({
          host,
          port,
          ALPNProtocols: ['h2'],
          // TLS names no IP addresses; Node compares the certificate with `host` then.
          ...(isIP(address) === 0 ? { servername: address } : {}),
          ...pem,
        });
  socket.setNoDelay(true);
  return socket;
}
