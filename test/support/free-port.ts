// A port that is free now, for a server that must come back to the same one.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Another process can take the port before it is used. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
