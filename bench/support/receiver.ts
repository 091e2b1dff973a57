// A receiver on this machine that answers as Feishu does; the address says how it behaves.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `ok` answers at once, `fail` with an error of the server, `slow` after {@link SLOW_MS}. */
export type Behaviour = 'ok' | 'fail' | 'slow';

export const SLOW_MS = 5_000;

export type Receiver = AsyncDisposable & {
  readonly origin: string;
  /** When each address was first called, in `Date.now()`. */
  readonly firstCalls: ReadonlyMap<string, number>;
  readonly calls: () => number;
};

const PATH = '/flow/api/trigger-webhook/';

/** The address of a channel. */
export function addressAt(origin: string, behaviour: Behaviour, name: string): string {
  return `${origin}${PATH}${behaviour}-${name}`;
}

export async function openReceiver(): Promise<Receiver> {
  const firstCalls = new Map<string, number>();
  let calls = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    calls += 1;
    if (!firstCalls.has(path)) firstCalls.set(path, Date.now());
    const isFailing = path.startsWith(`${PATH}fail`);
    const answer = (): void => {
      response.writeHead(isFailing ? 500 : 200);
      response.end(JSON.stringify({ code: isFailing ? 2200 : 0, msg: '' }));
    };
    request.resume().once('end', () => {
      if (path.startsWith(`${PATH}slow`)) void sleep(SLOW_MS).then(answer);
      else answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server on a port has an address that is an object.
  const address = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${address.port}`,
    firstCalls,
    calls: () => calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
