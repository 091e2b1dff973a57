// A name in the connection string that stands for several nodes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadDefinitions } from '../../src/adapters/eventstore/esdb/client.ts';
import { Connection } from '../../src/adapters/eventstore/esdb/connection.ts';
import { seedsOf, type Lookup } from '../../src/adapters/eventstore/esdb/seeds.ts';
import { readSettings } from '../../src/adapters/eventstore/esdb/settings.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import { selfSigned } from '../support/certificate.ts';
import { aFront } from './front.support.ts';

const SECOND_MS = 1_000;
const name = { address: 'db.test', port: 2113 };
const address = { address: '10.0.0.1', port: 2113 };

describe('the hosts of a connection string', () => {
  test('are all addresses of a name, and an address as it is', async () => {
    const lookUp: Lookup = (asked) =>
      Promise.resolve(asked === 'db.test' ? ['10.0.0.7', '::7'] : []);
    expect(await seedsOf([name, address], lookUp, SECOND_MS)).toEqual([
      { ...name, dialled: '10.0.0.7' },
      { ...name, dialled: '::7' },
      address,
    ]);
  });

  test('are names where one address, none or no answer is found', async () => {
    const silent = new Promise<never>(() => undefined);
    const lookUps: readonly Lookup[] = [
      () => Promise.resolve(['10.0.0.7']),
      () => Promise.reject(new Error('ENOTFOUND')),
      () => silent,
    ];
    for (const lookUp of lookUps) expect(await seedsOf([name], lookUp, 10)).toEqual([name]);
  });
});

describe('a connection to a name with several addresses', () => {
  const everyAddress: Lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
  const connectionTo = async (connectionString: string): Promise<Connection> => {
    const settings = readSettings({ connectionString }, silentLogger);
    const definitions = await loadDefinitions(settings.client);
    const connection = new Connection(settings, definitions, silentLogger, everyAddress);
    onTestFinished(() => {
      connection.close();
    });
    return connection;
  };

  test('is made through each address, until one answers', async () => {
    const { port } = await aFront({ host: '127.0.0.2' });
    const connection = await connectionTo(`esdb+discover://db.test:${port}?tls=false`);
    const { endpoint } = await connection.link('leader');
    expect(endpoint).toEqual({ address: '127.0.0.2', port });
  });

  test('says what each address answered', async () => {
    const connection = await connectionTo('esdb+discover://db.test:1?tls=false');
    const failing = connection.link('leader');
    await expect(failing).rejects.toThrow(
      /db\.test:1 \(127\.0\.0\.1\).*db\.test:1 \(127\.0\.0\.2\)/,
    );
  });

  test('compares the certificate of an address with the name', async () => {
    const tls = selfSigned();
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-seeds-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, tls.certificate);
    const { port } = await aFront({ host: '127.0.0.2', tls });
    // The certificate is for localhost. The node names itself by an address that the certificate does not have.
    const connection = await connectionTo(`esdb+discover://localhost:${port}?tlsCAFile=${caFile}`);
    await expect(connection.link('leader')).rejects.toMatchObject({
      code: 'store_certificate_host',
      message: expect.stringMatching(/^127\.0\.0\.2:/) as string,
    });
  });
});
