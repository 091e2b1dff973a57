// The front ends within its limit, whatever its clients do with their connections.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../support/certificate.ts';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { freeze } from '../support/frozen.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

type Served = { readonly cli: Cli; readonly process: CliProcess; readonly port: number };

async function served(...args: readonly string[]): Promise<Served> {
  const cli = testCli();
  onTestFinished(() => cli[Symbol.asyncDispose]());
  const store = ['store', '--store', 'embedded:a.db', '--listen', '127.0.0.1:0', '--json'];
  const process = cli.start([...store, ...args]);
  const [, port = ''] = await process.says(/"url":"[^"]*:(\d+)/);
  return { cli, process, port: Number(port) };
}

/** The store ends with 0 after SIGTERM, and its file can be opened by another owner. */
async function expectEnd({ cli, process }: Served): Promise<void> {
  process.kill('SIGTERM');
  expect(await process.ended()).toMatchObject({ code: 0, signal: null });
  await using store = await embeddedStore({ file: cli.path('a.db') });
  for await (const page of store.readAll({ direction: 'forwards', prefixes: [''] }))
    expect(page).not.toEqual([]);
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return socket;
}

/** The connection preface of HTTP/2, and settings with the largest window for each stream. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000006040000000000' + '0004' + '7fffffff', 'hex'),
]);

test.each([
  ['sends nothing', Buffer.alloc(0)],
  ['sends half of the preface of HTTP/2', PREFACE.subarray(0, 10)],
  ['speaks HTTP/2 and calls nothing', PREFACE],
  ['speaks HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
])('a client that %s does not keep the store from ending', async (_what, bytes) => {
  const store = await served();
  const socket = await connected(store.port);
  if (bytes.length > 0) await new Promise((done) => socket.write(bytes, done));
  socket.pause();
  await expectEnd(store);
});

test('a request of HTTP/1.1 over TLS does not keep the store from ending', async () => {
  const { certificate, key } = selfSigned();
  const files = testCli();
  onTestFinished(() => files[Symbol.asyncDispose]());
  writeFileSync(files.path('cert.pem'), certificate);
  writeFileSync(files.path('key.pem'), key);
  const tls = ['--tls-cert', files.path('cert.pem'), '--tls-key', files.path('key.pem')];
  const store = await served(...tls);
  const options = { port: store.port, host: '127.0.0.1', ca: certificate };
  const socket = connectTls(options);
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  await expectEnd(store);
});

test(
  'a frozen reader with unread events does not keep the store from ending',
  { timeout: SLOW_TEST_MS },
  async () => {
    const store = await served();
    const url = `esdb://127.0.0.1:${store.port}?tls=false`;
    const client = EventStoreDBClient.connectionString(url);
    onTestFinished(() => client.dispose());
    const reader = await readerProcess(url);
    freeze(reader.pid);
    const text = 'x'.repeat(500_000);
    for (let n = 0; n < 40; n += 1) {
      await client.appendToStream('history', jsonEvent({ type: 'large', data: { text } }));
    }
    await expectEnd(store);
  },
);

/** A process that reads the whole log and follows it, once its first event has arrived. */
async function readerProcess(url: string): Promise<{ readonly pid: number }> {
  const code = `
    import { EventStoreDBClient } from '@eventstore/db-client';
    const client = EventStoreDBClient.connectionString(${JSON.stringify(url)});
    for await (const { event } of client.subscribeToAll()) console.log(event?.type);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(createInterface(child.stdout), 'line');
  return { pid: child.pid ?? 0 };
}
