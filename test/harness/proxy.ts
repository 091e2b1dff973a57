// A proxy before a server that behaves as networks do: it cuts, resets, delays, and tears what it carries.
import { createServer, Socket } from 'node:net';

/** Which way bytes go: `up` to the server, `down` to the client. */
export type Direction = 'up' | 'down';

/** Sees what passes over one connection. */
export type Observer = {
  readonly passed: (direction: Direction, chunk: Buffer) => void;
  readonly closed: () => void;
};

export type Proxy = AsyncDisposable & {
  readonly port: number;
  /** Holds what comes from now on, until `release`. */
  readonly hold: (...directions: readonly Direction[]) => void;
  readonly release: () => void;
  /** Drops every connection: with a reset, or after half of the next piece that comes. */
  readonly cut: (how: 'reset' | 'torn') => void;
  /** Resets new connections while `on`. */
  readonly refuse: (on: boolean) => void;
  /** New connections go to the server at this port; without one, to the proxy's own. */
  readonly redirect: (port?: number) => void;
};

type Pipe = { readonly from: Socket; readonly direction: Direction };

/** Opens a proxy before the server at that port, which need not be there yet. */
export async function openProxy(target: number, observe?: () => Observer): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const pipes = new Set<Pipe>();
  const held = new Set<Direction>();
  let refusing = false;
  let port = target;
  let tearing = false;

  const connect = (client: Socket): void => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = new Socket({ allowHalfOpen: false });
    const observer = observe?.();
    const ends = [client, server];
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      for (const pipe of pipes) if (ends.includes(pipe.from)) pipes.delete(pipe);
      for (const socket of ends) {
        sockets.delete(socket);
        socket.resetAndDestroy();
      }
      observer?.closed();
    };
    for (const socket of ends) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end).on('close', end);
    }
    const carry = (from: Socket, to: Socket, direction: Direction): void => {
      pipes.add({ from, direction });
      if (held.has(direction)) from.pause();
      from.on('data', (chunk: Buffer) => {
        if (tearing) {
          to.write(chunk.subarray(0, chunk.length / 2), end);
          return;
        }
        observer?.passed(direction, chunk);
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => {
            if (!held.has(direction)) from.resume();
          });
        }
      });
    };
    server.connect(port, '127.0.0.1');
    carry(client, server, 'up');
    carry(server, client, 'down');
  };

  const listener = createServer(connect);
  listener.listen(0, '127.0.0.1');
  await new Promise((done) => listener.once('listening', done));
  const address = listener.address();

  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    hold: (...directions) => {
      for (const direction of directions) held.add(direction);
      for (const { from, direction } of pipes) if (held.has(direction)) from.pause();
    },
    release: () => {
      held.clear();
      for (const { from } of pipes) from.resume();
    },
    cut: (how) => {
      if (how === 'reset') {
        for (const socket of sockets) socket.resetAndDestroy();
        return;
      }
      tearing = true;
      const torn = [...sockets];
      setTimeout(() => {
        tearing = false;
        for (const socket of torn) socket.resetAndDestroy();
      }, 50);
    },
    refuse: (on) => {
      refusing = on;
    },
    redirect: (to = target) => {
      port = to;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.resetAndDestroy();
      await new Promise((done) => listener.close(done));
    },
  };
}

/** The server itself, where nothing is to come between. */
export function noProxy(port: number): Proxy {
  const nothing = (): void => undefined;
  return {
    port,
    hold: nothing,
    release: nothing,
    cut: nothing,
    refuse: nothing,
    redirect: nothing,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
