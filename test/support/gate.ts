// A gate between a client of NATS and its server: it lets a given number of messages and of their
// answers pass and holds the rest, so that a test can act while messages are unacknowledged.
import { createServer, Socket } from 'node:net';

/** What passed since the gate was last set. */
export type Passed = { readonly published: number; readonly acknowledged: number };

export type Gate = AsyncDisposable & {
  readonly url: string;
  /** Holds everything once so many messages, or so many acks, have passed. `Infinity` opens it. */
  readonly set: (limits: { readonly publishes: number; readonly acks: number }) => void;
  readonly passed: () => Passed;
  readonly isShut: () => boolean;
  /** Drops every connection, with what is held. */
  readonly cut: () => void;
};

const publish = /HPUB (?!\$JS)/g;
const ack = /"seq":\d+\}/g;

/** Opens a gate before the server at that port. */
export async function openGate(port: number): Promise<Gate> {
  let limits = { publishes: Infinity, acks: Infinity };
  let published = 0;
  let acknowledged = 0;
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  const isShut = (): boolean => published >= limits.publishes || acknowledged >= limits.acks;

  const pass = (from: Socket, to: Socket, count: (text: string) => void): void => {
    from.on('data', (chunk: Buffer) => {
      const forward = (): void => {
        count(chunk.toString('latin1'));
        if (!to.destroyed) to.write(chunk);
      };
      if (isShut() || held.length > 0) held.push(forward);
      else forward();
    });
    const end = (): void => {
      sockets.delete(from);
      from.destroy();
      to.destroy();
    };
    from.on('close', end).on('error', end);
    sockets.add(from);
  };

  const server = createServer((client) => {
    const upstream = new Socket().connect(port, '127.0.0.1');
    // Small pieces: a limit in the midst of a batch is the interesting one.
    pass(client, upstream, (text) => {
      published += text.match(publish)?.length ?? 0;
    });
    pass(upstream, client, (text) => {
      acknowledged += text.match(ack)?.length ?? 0;
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  const own = typeof address === 'object' ? (address?.port ?? 0) : 0;

  const cut = (): void => {
    held.length = 0;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `nats://127.0.0.1:${own}`,
    set: ({ publishes, acks }) => {
      limits = { publishes, acks };
      published = 0;
      acknowledged = 0;
      while (held.length > 0 && !isShut()) held.shift()?.();
    },
    passed: () => ({ published, acknowledged }),
    isShut,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise((done) => server.close(done));
    },
  };
}
