// What operators and probes ask an EventStoreDB over HTTP/1.1: whether it lives, its version, and its members.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Address } from './listener.ts';
import { versionText, type Like } from './server-version.ts';

export type NodeFacts = {
  readonly like: Like;
  readonly instanceId: string;
  /** The address at which clients reach the server. */
  readonly address: () => Address;
  readonly hasToken: boolean;
  /** The position of the last event. */
  readonly head: () => bigint;
  /** Prometheus text; absent: there is none. */
  readonly metrics: (() => Promise<string>) | undefined;
};

/** Like a server, it asks for no credentials here; it tells no event. */
export function httpRoutes(facts: NodeFacts): RequestListener {
  const documents: Readonly<Record<string, () => unknown>> = {
    '/ping': () => ({ text: 'Ping request successfully handled', msgTypeId: 123, label: 'Http' }),
    '/info': () => info(facts),
    '/gossip': () => gossip(facts),
  };
  return (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (pathname === '/health/live') {
      response.writeHead(searchParams.get('liveCode') === '200' ? 200 : 204).end();
    } else if (pathname === '/metrics' && facts.metrics !== undefined) {
      sendMetrics(request, response, facts.metrics);
    } else {
      const document = documents[pathname];
      if (document === undefined) response.writeHead(404).end();
      else sendJson(request, response, document());
    }
  };
}

function sendJson({ method }: IncomingMessage, response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value, null, 2);
  response.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(method === 'HEAD' ? undefined : body);
}

function sendMetrics(
  { method }: IncomingMessage,
  response: ServerResponse,
  metrics: () => Promise<string>,
): void {
  metrics().then(
    (text) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(method === 'HEAD' ? undefined : text);
    },
    () => {
      response.writeHead(500).end();
    },
  );
}

function info({ like, hasToken }: NodeFacts) {
  return {
    esVersion: versionText(like),
    state: 'leader',
    features: { projections: false, userManagement: false, atomPub: false },
    authentication: { type: hasToken ? 'token' : 'insecure', properties: [] },
  };
}

function gossip({ like, instanceId, address, head }: NodeFacts) {
  const { host, port } = address();
  const commit = Number(head());
  return {
    members: [
      {
        instanceId,
        timeStamp: new Date().toISOString(),
        state: 'Leader',
        isAlive: true,
        httpEndPointIp: host,
        httpEndPointPort: port,
        lastCommitPosition: commit,
        writerCheckpoint: commit,
        chaserCheckpoint: commit,
        epochPosition: 0,
        epochNumber: 0,
        nodePriority: 0,
        isReadOnlyReplica: false,
        esVersion: versionText(like),
      },
    ],
    serverIp: host,
    serverPort: port,
  };
}
