// A stand-in for Feishu that counts its calls by path.
import { createServer } from 'node:http';

export type StandIn = AsyncDisposable & {
  readonly origin: string;
  readonly calls: readonly string[];
};

export async function standIn(): Promise<StandIn> {
  const calls: string[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      calls.push(request.url ?? '');
      response.setHeader('content-type', 'application/json');
      response.end('{"code":0,"msg":"success"}');
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    origin: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
