// HTTP/1.1 on the front's port, with and without TLS.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get as getOverTls } from 'node:https';
import { connect } from 'node:net';
import { EventStoreDBClient } from '@eventstore/db-client';
import { expect, test } from 'vitest';
import { selfSigned } from '../support/certificate.ts';
import { aFront } from './front.support.ts';

test('the front answers pings, probes, its version and its members over HTTP', async () => {
  const { port } = await aFront({ token: 's3cret' });
  const ask = (path: string, method = 'GET'): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { method });
  expect((await ask('/health/live')).status).toBe(204);
  expect((await ask('/health/live?liveCode=200')).status).toBe(200);
  expect(await (await ask('/ping')).json()).toMatchObject({ label: 'Http' });
  expect(await (await ask('/info')).json()).toMatchObject({
    esVersion: '24.10.5',
    state: 'leader',
  });
  expect(await (await ask('/gossip')).json()).toMatchObject({
    members: [{ state: 'Leader', httpEndPointIp: '127.0.0.1', httpEndPointPort: port }],
  });
  expect((await ask('/streams/a')).status).toBe(404);
  expect((await ask('/ping', 'POST')).status).toBe(405);
});

test('the front answers probes over TLS on the port of gRPC', async () => {
  const { port } = await aFront({ tls: selfSigned() });
  const options = { host: '127.0.0.1', port, path: '/health/live', rejectUnauthorized: false };
  const code = await new Promise((resolve, reject) => {
    const done = (answer: IncomingMessage): void => {
      answer.resume();
      resolve(answer.statusCode);
    };
    getOverTls(options, done).on('error', reject);
  });
  expect(code).toBe(204);
});

test('the front tells the advertised address to clients that ask for the members', async () => {
  const front = await aFront({ advertise: { host: 'store.example', port: 4_711 } });
  const answer = await fetch(`http://127.0.0.1:${front.port}/gossip`);
  expect(await answer.json()).toMatchObject({
    members: [{ httpEndPointIp: 'store.example', httpEndPointPort: 4_711 }],
    serverIp: 'store.example',
  });
  const url = `esdb+discover://127.0.0.1:${front.port}?tls=false&maxDiscoverAttempts=1`;
  const client = EventStoreDBClient.connectionString(url);
  const read = async (): Promise<void> => {
    for await (const _ of client.readAll({ maxCount: 1 })) continue;
  };
  await expect(read()).rejects.toThrow('store.example');
  await client.dispose();
});

test('the front closes although a connection has said nothing', async () => {
  const front = await aFront();
  const silent = connect(front.port, '127.0.0.1');
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  await front.close();
  await closed;
});
