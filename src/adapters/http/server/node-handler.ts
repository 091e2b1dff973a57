// A `fetch` handler for servers whose handlers take Node's request and response: node:http, Express, Fastify.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';

/** An object with a `fetch` handler, such as a hono app. */
export type FetchApp = { readonly fetch: (request: Request) => Response | Promise<Response> };

/**
 * Makes a handler of Node's requests, for `node:http`, for Express (`server.use('/notify', nodeHandler(app))`) and for
 * Fastify (`request.raw`, `reply.raw` after `reply.hijack()`). Mount it before parsers of bodies; a JSON body that
 * `express.json()` has parsed is taken from `request.body`.
 */
export function nodeHandler(
  app: FetchApp,
): (request: IncomingMessage, response: ServerResponse) => void {
  // Without this option hono replaces the global Request and Response of the process.
  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
  });
  return (request, response) => {
    void listener(withParsedBody(request), response);
  };
}

/** The bytes of a body whose stream another handler has read, under the name that the listener looks for. */
function withParsedBody(request: IncomingMessage): IncomingMessage {
  const wasRead = request.readableEnded && 'body' in request && !('rawBody' in request);
  if (!wasRead || request.body === undefined) return request;
  return Object.assign(request, { rawBody: Buffer.from(JSON.stringify(request.body)) });
}
