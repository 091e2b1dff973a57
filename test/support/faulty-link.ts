// A TCP proxy between clients and a server whose connections a test can cut, reset, delay, silence and refuse.
import { createServer, Socket } from 'node:net';

export type FaultyLink = AsyncDisposable & {
  readonly port: number;
  /** Ends every connection in the orderly way. */
  readonly cut: () => void;
  /** Ends every connection with a reset. */
  readonly reset: () => void;
  /** Holds everything back by so many milliseconds, in order; 0 ends that. */
  readonly delay: (ms: number) => void;
  /** Lets nothing through while it is on, and loses nothing: what came meanwhile follows. */
  readonly silence: (on: boolean) => void;
  /** Drops new connections at once while it is on. */
  readonly refuse: (on: boolean) => void;
};

/** Opens a link to a server that may come and go at that port. */
export async function faultyLink(port: number): Promise<FaultyLink> {
  const sockets = new Set<Socket>();
  let [delayMs, silent, refusing] = [0, false, false];
  const pass = (from: Socket, to: Socket): void => {
    // What is late holds back what comes after it.
    let after = Promise.resolve();
    const forward = (chunk: Buffer): void => {
      if (!to.destroyed) to.write(chunk);
    };
    from.on('data', (chunk: Buffer) => {
      const ms = delayMs;
      after = after.then(async () => {
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        forward(chunk);
      });
    });
    const end = (): void => {
      sockets.delete(from);
      from.destroy();
      to.destroy();
    };
    from.on('close', end).on('error', end);
    sockets.add(from);
    if (silent) from.pause();
  };

  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = new Socket().connect(port, '127.0.0.1');
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  const own = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: own,
    cut,
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    delay(ms) {
      delayMs = ms;
    },
    silence(on) {
      silent = on;
      for (const socket of sockets) {
        if (on) socket.pause();
        else socket.resume();
      }
    },
    refuse(on) {
      refusing = on;
      if (on) cut();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((done) => server.close(done));
    },
  };
}
