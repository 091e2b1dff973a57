// Each cause for which a server cannot be used has an error of its own, which says what to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  eventStoreDb,
  type EventStoreDbOptions,
} from '../../src/adapters/eventstore/esdb/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { all, anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { selfSigned, type Certificate } from '../support/certificate.ts';
import { aFront } from './front.support.ts';

function store(options: EventStoreDbOptions): EventStore {
  const opened = eventStoreDb({ deadlines: { appendMs: 2_000, silenceMs: 4_000 }, ...options });
  onTestFinished(async () => opened[Symbol.asyncDispose]());
  return opened;
}

/** The error of a read, as one text. */
async function failure(options: EventStoreDbOptions): Promise<string> {
  try {
    await all(store(options).readStream('a', { direction: 'forwards' }));
    return 'none';
  } catch (error) {
    if (!(error instanceof TocsinError)) throw error;
    return [error.kind, error.code, error.message, error.hint].join('; ');
  }
}

function files(tls: Certificate) {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-refusals-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certFile, tls.certificate);
  writeFileSync(keyFile, tls.key);
  return { certFile, keyFile };
}

describe('a server that cannot be used', () => {
  test('is told when nothing listens', async () => {
    const error = await failure({ connectionString: 'esdb://127.0.0.1:1?tls=false' });
    expect(error).toMatch(/^unavailable; store_unavailable; /);
  });

  test('is told when TLS meets plain text', async () => {
    const { port } = await aFront();
    const error = await failure({ connectionString: `esdb://127.0.0.1:${port}` });
    expect(error).toMatch(/store_tls_mismatch.*tls=false/);
    expect(error).toMatch(/plain text, not TLS/);
  });

  test('is told when plain text meets TLS', async () => {
    // As EventStoreDB does: it closes the connection without a word.
    const server = createServer((socket) => socket.once('data', () => socket.end()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const closing = await failure({ connectionString: `esdb://127.0.0.1:${port}?tls=false` });
    expect(closing).toMatch(/store_tls_mismatch/);
    const front = await aFront({ tls: selfSigned() });
    const error = await failure({ connectionString: `esdb://127.0.0.1:${front.port}?tls=false` });
    expect(error).toMatch(/store_tls_mismatch.*Remove tls=false/);
  });

  test('is told when its certificate is of an unknown CA', async () => {
    const { port } = await aFront({ tls: selfSigned() });
    const error = await failure({ connectionString: `esdb://127.0.0.1:${port}` });
    expect(error).toMatch(/store_certificate_untrusted.*tlsCAFile/);
  });

  test('is told when its certificate is for another host', async () => {
    const tls = selfSigned();
    const { port } = await aFront({ tls, host: '127.0.0.2' });
    const caFile = files(tls).certFile;
    const error = await failure({ connectionString: `esdb://127.0.0.2:${port}`, tls: { caFile } });
    expect(error).toMatch(/store_certificate_host/);
  });

  test('is told when key and certificate do not fit, before the first call', () => {
    const { certFile } = files(selfSigned());
    const { keyFile } = files(selfSigned());
    const open = () =>
      eventStoreDb({ connectionString: 'esdb://127.0.0.1:1', tls: { certFile, keyFile } });
    expect(open).toThrow(/the key does not fit/);
    const noPem = () =>
      eventStoreDb({ connectionString: 'esdb://127.0.0.1:1', tls: { certFile: keyFile, keyFile } });
    expect(noPem).toThrow(/cannot be used/);
  });
});

describe('the size of an append', () => {
  const MIB = 1024 * 1024;
  const type = 'T'.repeat(1_000);
  const sized = (bytes: number) => {
    const event = anEvent(0, { type, data: { x: '' }, metadata: {} });
    return { ...event, data: { x: 'x'.repeat(bytes - 2 * 1_000 - '{"x":""}{}'.length) } };
  };

  test('counts data, metadata and the type twice, as the strictest version does', async () => {
    const { port } = await aFront();
    const one = store({ connectionString: `esdb://127.0.0.1:${port}?tls=false` });
    expect(await one.append('a', 'no_stream', [sized(MIB + 1)])).toMatchObject({
      reason: 'too_large',
      message: `the append has ${MIB + 1} bytes, the most is ${MIB}`,
    });
    expect(await one.append('a', 'no_stream', [sized(MIB)])).toMatchObject({
      outcome: 'appended',
    });
  });

  test.each([
    ['&maxAppendBytes=2000000', undefined],
    ['', 2_000_000],
  ])('may be the setting of the server%s', async (key, maxAppendBytes) => {
    const { port } = await aFront();
    const connectionString = `esdb://127.0.0.1:${port}?tls=false${key}`;
    const one = store({ connectionString, maxAppendBytes });
    expect(await one.append('a', 'no_stream', [sized(2_000_001)])).toMatchObject({
      message: 'the append has 2000001 bytes, the most is 2000000',
    });
    // The server has the last word.
    const refused = await one.append('a', 'no_stream', [sized(MIB + 1)]);
    expect(refused).toMatchObject({ reason: 'too_large' });
    expect(JSON.stringify(refused)).not.toContain('2000000');
  });
});
