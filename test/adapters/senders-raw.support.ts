// Receivers that speak raw bytes, and a sender that may call them.
import type { Http2SecureServer } from 'node:http2';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import type { ChannelTarget, SendOutcome } from '../../src/domain/ports/sender.ts';
import { STRICT_RULES } from '../../src/domain/channel/address.ts';
import { selfSigned } from '../support/certificate.ts';
import { MESSAGE, NOW, targetAt } from './senders.support.ts';

const { certificate, key } = selfSigned();
export const TLS = { cert: certificate, key };

export type Listening = AsyncDisposable & { readonly port: number };

export async function listening(
  server: Server | Http2SecureServer,
  host = '127.0.0.1',
  wanted = 0,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(wanted, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function send(
  url: string,
  addresses: readonly string[],
  kind: ChannelTarget['kind'] = 'webhook',
): Promise<SendOutcome> {
  const sender = channelSender({
    addresses: { ...STRICT_RULES, privateTargets: true, standIn: new URL(url).origin },
    now: () => NOW,
    ca: certificate,
    resolve: () =>
      Promise.resolve(
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
  });
  return sender(MESSAGE, targetAt(url, kind), new AbortController().signal);
}

/** Sends these bytes as the whole answer, and then closes. */
export async function raw(bytes: string | Buffer): Promise<Listening> {
  const server = createTcpServer((socket) => {
    socket.once('data', () => socket.end(bytes));
  });
  return listening(server);
}

export const SUCCESS = JSON.stringify({ code: 0, msg: 'success' });

export const answer = (headers: string, body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}\r\n`), Buffer.from(body)]);
