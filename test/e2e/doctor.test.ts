// Each thing that `doctor` finds at an event store, with what to do about it.
import { rmSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventStoreDbWithSystem } from '../../src/adapters/eventstore/esdb/store.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { aFront } from '../adapters/front.support.ts';
import { selfSigned } from '../support/certificate.ts';
import { testCli } from '../support/cli.ts';
import { esdbCluster, type EsdbCluster } from '../support/esdb-cluster.ts';
import { frontProxy, type FrontProxyOptions } from '../support/front-proxy.ts';

const Checks = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['ok', 'warning', 'failed']),
      detail: z.string(),
      code: z.string().optional(),
      hint: z.string().optional(),
    }),
  ),
});

type Check = z.infer<typeof Checks>['checks'][number];

/** What doctor says of a store, by the names of the checks. NATS is away. */
async function checksOf(store: string): Promise<Readonly<Record<string, Check>>> {
  await using cli = testCli();
  const { document } = await cli.call(['doctor', '--store', store, '--nats', 'nats://127.0.0.1:1']);
  const { checks } = Checks.parse(document);
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

async function aProxy(options: FrontProxyOptions): Promise<string> {
  const { port } = await aFront();
  const proxy = await frontProxy(port, options);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  return `127.0.0.1:${proxy.port}`;
}

function fileOf(pem: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-doctor-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'file.pem');
  writeFileSync(file, pem);
  return file;
}

async function aCluster(electionMs?: number): Promise<EsdbCluster> {
  const { port } = await aFront();
  const cluster = await esdbCluster(port, electionMs);
  onTestFinished(() => cluster[Symbol.asyncDispose]());
  return cluster;
}

describe('doctor finds that the store', () => {
  test('is unreachable', async () => {
    const { store } = await checksOf('esdb://127.0.0.1:1?tls=false');
    expect(store).toMatchObject({ status: 'failed', code: 'store_unavailable' });
    expect(store?.hint).toMatch(/server runs/);
  });

  test('speaks plain text where TLS is configured', async () => {
    const { port } = await aFront();
    const { store } = await checksOf(`esdb://127.0.0.1:${port}`);
    expect(store).toMatchObject({ status: 'failed', code: 'store_tls_mismatch' });
    expect(store?.hint).toMatch(/Add tls=false/);
  });

  test('speaks TLS where plain text is configured', async () => {
    const { port } = await aFront({ tls: selfSigned() });
    const { store } = await checksOf(`esdb://127.0.0.1:${port}?tls=false`);
    expect(store).toMatchObject({ status: 'failed', code: 'store_tls_mismatch' });
    expect(store?.hint).toMatch(/Remove tls=false/);
  });

  test('has a certificate of an unknown CA', async () => {
    const { port } = await aFront({ tls: selfSigned() });
    const { store } = await checksOf(`esdb://127.0.0.1:${port}`);
    expect(store).toMatchObject({ status: 'failed', code: 'store_certificate_untrusted' });
    expect(store?.hint).toMatch(/tlsCAFile/);
  });

  test('has a certificate for another host', async () => {
    const tls = selfSigned();
    const { port } = await aFront({ tls, host: '127.0.0.2' });
    const { store } = await checksOf(
      `esdb://127.0.0.2:${port}?tlsCAFile=${fileOf(tls.certificate)}`,
    );
    expect(store).toMatchObject({ status: 'failed', code: 'store_certificate_host' });
    expect(store?.hint).toMatch(/certificate names/);
  });

  test('cannot be dialled with a key that does not fit the certificate', async () => {
    const [one, other] = [selfSigned(), selfSigned()];
    const [cert, key] = [fileOf(one.certificate), fileOf(other.key)];
    const { store, node, server } = await checksOf(
      `esdb://127.0.0.1:1?userCertFile=${cert}&userKeyFile=${key}`,
    );
    expect(store).toMatchObject({ status: 'failed', code: 'certificate' });
    expect(store?.detail).toMatch(/the key does not fit/);
    expect([node?.status, server]).toEqual(['ok', undefined]);
    const wrong = await checksOf('esdb://127.0.0.1:1?unknown=1');
    expect(wrong['store']).toMatchObject({ status: 'failed', code: 'connection_string' });
  });

  test('does not accept the password', async () => {
    const tls = selfSigned();
    const { port } = await aFront({ tls, token: 'right' });
    const query = `?tlsCAFile=${fileOf(tls.certificate)}`;
    const { store } = await checksOf(`esdb://any:wrong@localhost:${port}${query}`);
    expect(store).toMatchObject({ status: 'failed', code: 'store_login_failed' });
    expect(store?.hint).toMatch(/user and password/);
    const { read, append } = await checksOf(`esdb://any:right@localhost:${port}${query}`);
    expect([read, append]).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
  });

  test('gives no right to read the whole log', async () => {
    const { store, read, append } = await checksOf(
      `esdb://${await aProxy({ denies: 'read of $all' })}?tls=false`,
    );
    expect([store, append]).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
    expect(read).toMatchObject({ status: 'failed', code: 'store_access_denied' });
    expect(read?.hint).toMatch(/tocsin store acl/);
  });

  test('gives no right to append', async () => {
    const { read, append } = await checksOf(
      `esdb://${await aProxy({ denies: 'append' })}?tls=false`,
    );
    expect(read).toMatchObject({ status: 'ok' });
    expect(append).toMatchObject({ status: 'failed', code: 'access_denied' });
    expect(append?.hint).toMatch(/right/);
  });

  test('lets others append', async () => {
    const tls = selfSigned();
    const query = `?tlsCAFile=${fileOf(tls.certificate)}`;
    const open = await checksOf(`esdb://any:pw@${await aProxy({ tls })}${query}`);
    expect(open['users']).toMatchObject({ status: 'warning', detail: 'every user may append' });
    expect(open['users']?.hint).toMatch(/store acl --only/);
    const denies = 'read of $settings';
    const unseen = await checksOf(`esdb://any:pw@${await aProxy({ tls, denies })}${query}`);
    expect(unseen['users']).toMatchObject({ status: 'ok' });
    expect(unseen['users']?.detail).toMatch(/only an admin may see/);
  });

  test.each([
    ['22.10.5', 'failed'],
    [null, 'failed'],
    ['24.10.4', 'warning'],
    ['25.0.0', 'warning'],
    ['23.10.6', 'ok'],
    ['24.6.0.0', 'ok'],
    ['25.1.3', 'ok'],
  ] as const)('has the version %s, which is %s', async (version, status) => {
    const { server } = await checksOf(`esdb://${await aProxy({ version })}?tls=false`);
    expect(server).toMatchObject({ status });
    expect(server?.detail).toContain(`version ${version ?? 'unknown'}`);
    if (status === 'ok') return;
    expect(server).toMatchObject({ code: 'store_version' });
    expect(server?.hint).toMatch(/Update the server/);
  });

  test.each(['$maxCount', '$maxAge', '$tb'])('hides events by %s', async (key) => {
    const { port } = await aFront();
    const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
    const { store, appendSystem } = eventStoreDbWithSystem({ connectionString });
    const data: JsonObject = { [key]: 1 };
    const event = { id: crypto.randomUUID(), type: '$metadata', data, metadata: {} };
    const written = await appendSystem('$$tocsin.control', 'no_stream', [event]);
    expect(written).toMatchObject({ outcome: 'appended' });
    await store[Symbol.asyncDispose]();
    const { metadata } = await checksOf(connectionString);
    expect(metadata).toMatchObject({ status: 'failed' });
    expect(metadata?.detail).toContain(`${key} 1`);
    expect(metadata?.hint).toMatch(/Remove the keys/);
  });
});

describe('doctor with a cluster', () => {
  test('names the leader and the node that is read from', async () => {
    const { hosts } = await aCluster();
    const [leader = '', follower = ''] = hosts.split(',');
    const leading = await checksOf(`esdb://${hosts}?tls=false`);
    expect(leading['server']?.detail).toContain(`reads from ${leader}, the leader, one of 3 nodes`);
    const following = await checksOf(`esdb://${follower}?tls=false&nodePreference=follower`);
    expect(following['server']).toMatchObject({ status: 'ok' });
    expect(following['server']?.detail).toContain(
      `reads from ${follower}, not the leader, which is ${leader}`,
    );
    // With the default preference a follower only says where the leader is.
    const moved = await checksOf(`esdb://${follower}?tls=false`);
    expect(moved['server']?.detail).toContain(`reads from ${leader}, the leader`);
  });

  test('says that a follower answers, and that its leader does not', async () => {
    const cluster = await aCluster(60_000);
    const [leader, follower, other] = cluster.hosts.split(',');
    cluster.fail(0, 'kill');
    for (const hosts of [follower, `${follower},${other}`]) {
      const { store } = await checksOf(`esdb://${hosts}?tls=false&gossipTimeout=1`);
      expect(store).toMatchObject({ status: 'failed', code: 'store_unavailable' });
      expect(store?.detail).toMatch(
        new RegExp(`names? ${leader} as the leader, which does not answer here`),
      );
      expect(store?.hint).toMatch(/Only the leader takes appends/);
    }
  });

  test('says that the nodes have no leader', async () => {
    const cluster = await aCluster();
    const [, second = '', third = ''] = cluster.hosts.split(',');
    cluster.elect(-1);
    const { store } = await checksOf(`esdb://${second},${third}?tls=false&gossipTimeout=1`);
    expect(store).toMatchObject({ status: 'failed', code: 'store_unavailable' });
    expect(store?.detail).toMatch(/no leader of the event store was found.*knows no leader/);
    expect(store?.hint).toMatch(/majority/);
  });
});
