// The adapter's connection over TLS: credentials, certificates that are wrong or replaced, and a server that is frozen.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EventStoreDBClient } from '@eventstore/db-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import {
  eventStoreDb,
  type EventStoreDbOptions,
} from '../../src/adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { all, anEvent, follow } from '../../src/facade/contracts/event-store-support.ts';
import { jsonEvents } from '../conformance/front.support.ts';
import { selfSigned } from '../support/certificate.ts';
import { testCli } from '../support/cli.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { aFront, storeFile } from './front.support.ts';

const token = 'a token: with signs/#?';

function store(options: EventStoreDbOptions): EventStore {
  const opened = eventStoreDb({ deadlines: { appendMs: 4_000, silenceMs: 4_000 }, ...options });
  onTestFinished(async () => opened[Symbol.asyncDispose]());
  return opened;
}

/** The certificate in a file, and what a front takes. */
function tlsFiles() {
  const tls = selfSigned();
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tls-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.certificate);
  return { tls, caFile };
}

describe('eventStoreDb over TLS', () => {
  test('appends, reads and subscribes with the right CA and password', async () => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const password = encodeURIComponent(token);
    const inString = store({
      connectionString: `esdb://any:${password}@localhost:${port}?tlsCAFile=${encodeURIComponent(caFile)}`,
    });
    expect(await inString.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'appended',
    });
    const inOptions = store({
      connectionString: `esdb://localhost:${port}`,
      credentials: { username: 'somebody', password: token },
      tls: { caFile },
    });
    expect(await all(inOptions.readStream('a', { direction: 'forwards' }))).toHaveLength(1);
    const heard = follow(inOptions, { prefixes: [] });
    await heard.untilEvents(1);
    await heard.stop();
  });

  test('sends nothing and ends every call with another CA', async () => {
    const { tls } = tlsFiles();
    const { caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const other = store({ connectionString: `esdb://localhost:${port}`, tls: { caFile } });
    expect(await other.append('a', 'no_stream', [anEvent(0)])).toMatchObject({
      outcome: 'unknown',
    });
    await expect(all(other.readStream('a', { direction: 'forwards' }))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });

  test.each([undefined, 'wrong'])('is denied with the password %s', async (password) => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls, token });
    const credentials = password === undefined ? undefined : { username: 'any', password };
    const outside = store({
      connectionString: `esdb://localhost:${port}`,
      credentials,
      tls: { caFile },
    });
    const appended = await outside.append('a', 'no_stream', [anEvent(0)]);
    expect(appended).toMatchObject({ outcome: 'refused', reason: 'access_denied' });
    await expect(all(outside.readStream('a', { direction: 'forwards' }))).rejects.toMatchObject({
      kind: 'usage',
      code: 'store_login_failed',
    });
  });

  test('serves the unmodified official client as well', async () => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls });
    const url = `esdb://admin:changeit@localhost:${port}?tls=true&tlsCAFile=${caFile}`;
    const client = EventStoreDBClient.connectionString(url);
    await client.appendToStream('a', jsonEvents(3));
    let read = 0;
    for await (const _ of client.readStream('a')) read += 1;
    expect(read).toBe(3);
    await client.dispose();
  });

  test('says which certificate it does not trust', async () => {
    const { tls } = tlsFiles();
    const { caFile } = tlsFiles();
    const { port } = await aFront({ tls });
    const other = store({ connectionString: `esdb://127.0.0.1:${port}`, tls: { caFile } });
    await expect(all(other.readStream('a', { direction: 'forwards' }))).rejects.toThrow(
      /127\.0\.0\.1:\d+ cannot be reached: .*certificate/,
    );
  });

  test('reads a replaced CA file at the next dial', async () => {
    const [before, after] = [tlsFiles(), tlsFiles()];
    const file = storeFile();
    const first = await createFront({ tls: before.tls, file });
    const { port } = first;
    const { caFile } = before;
    const connected = store({ connectionString: `esdb://127.0.0.1:${port}`, tls: { caFile } });
    expect(await connected.append('a', 'no_stream', [anEvent(0)])).toMatchObject({ revision: 0n });
    await first.close();
    const second = await createFront({ tls: after.tls, file, port });
    onTestFinished(() => second.close());
    const refused = await connected.append('a', 0n, [anEvent(1)], { deadlineMs: 500 });
    expect(refused).toMatchObject({ outcome: 'unknown' });
    writeFileSync(caFile, after.tls.certificate);
    expect(await connected.append('a', 0n, [anEvent(1)])).toMatchObject({ revision: 1n });
  });

  test('warns of nothing for an address instead of a name', async () => {
    const { tls, caFile } = tlsFiles();
    const { port } = await aFront({ tls });
    const { stdout, stderr } = await inProcess(`esdb://127.0.0.1:${port}`, 20_000, caFile);
    expect({ stdout, stderr }).toEqual({ stdout: 'appended\nread\n', stderr: '' });
  });
});

describe('a TLS server that accepts connections and says nothing', () => {
  test('ends no call late, and holds no process', async () => {
    const { stdout, stderr } = await inProcess(`esdb://127.0.0.1:${await frozenPort()}`, 500);
    expect({ stdout, stderr }).toEqual({ stdout: 'unknown\nstore_unavailable\n', stderr: '' });
  });

  test('lets commands say that, and end', { timeout: SLOW_TEST_MS }, async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const url = `esdb://127.0.0.1:${await frozenPort()}`;
    const doctor = await cli.start(['doctor', '--store', url]).ended();
    expect(doctor.stdout).toMatch(/no connection within/);
    const projection = ['project', '--store', url, '--nats', nats.url];
    const once = await cli.start([...projection, '--once']).ended();
    expect(once.code).not.toBe(0);
    const daemon = cli.start(projection);
    await daemon.says(/no connection within/);
    daemon.kill('SIGTERM');
    expect(await daemon.ended()).toMatchObject({ code: 0 });
  });
});

/** A server that never answers a handshake. */
async function frozenPort(): Promise<number> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** Appends, reads and closes in a process of its own, which then has to end by itself. */
function inProcess(connectionString: string, deadlineMs: number, caFile?: string) {
  const module = new URL('../../src/adapters/eventstore/esdb/store.ts', import.meta.url).href;
  const code = `
    import { eventStoreDb } from ${JSON.stringify(module)};
    const store = eventStoreDb({
      connectionString: ${JSON.stringify(connectionString)},
      tls: ${JSON.stringify({ caFile })},
      deadlines: { appendMs: ${deadlineMs}, silenceMs: ${deadlineMs} },
    });
    const event = { id: crypto.randomUUID(), type: 'T', data: {}, metadata: {} };
    console.log((await store.append('a', 'no_stream', [event])).outcome);
    try {
      for await (const page of store.readStream('a', { direction: 'forwards' })) console.log('read');
    } catch (error) {
      console.log(error.code);
    }
    await store[Symbol.asyncDispose]();`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code];
  return promisify(execFile)(process.execPath, args, { timeout: 30_000 });
}
