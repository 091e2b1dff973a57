// `tocsin notary` as processes: a daemon that stops, its outputs and its key, and what a reader elsewhere checks.
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'nats';
import { expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { parseHead } from '../../src/projections/notary/head.ts';
import { testCli, type Cli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const raise = (cli: Cli, from: number, count: number) => {
  const lines = Array.from({ length: count }, (_, n) => raiseLine(from + n)).join('\n');
  return cli.run(['raise', '--file', '-'], { input: `${lines}\n` });
};

const headsIn = (cli: Cli) =>
  readFileSync(cli.path('var/heads.ndjson'), 'utf8')
    .split('\n')
    .flatMap((line) => parseHead(line) ?? []);

test('a proof that was made here is checked elsewhere, also after a rotation of the key', async () => {
  await using cli = testCli();
  await using elsewhere = testCli();
  await raise(cli, 1, 3);
  const older = cli.path('older.json');
  const first = await cli.json(['notary', '--once']);
  expect(parseHead(first.stdout.trim())).toBeDefined();
  const keys = elsewhere.path('keys.json');
  expect(await cli.run(['notary', 'key', 'publish', '--out', keys])).toMatchObject({ code: 0 });
  expect(statSync(cli.path('var/notary.key')).mode & 0o077).toBe(0);
  expect(await cli.run(['notary', 'key', 'make'])).toMatchObject({ code: 2 });
  expect(await cli.run(['notary', 'key', 'rotate'])).toMatchObject({ code: 0 });
  await raise(cli, 4, 1);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(older, first.stdout);
  const newer = cli.path('newer.json');
  writeFileSync(newer, (await cli.json(['notary', '--once'])).stdout);
  const proof = elsewhere.path('consistency.json');
  const made = await cli.run(['audit', 'consistency', older, newer, '--out', proof]);
  expect(made).toMatchObject({ code: 0 });
  const checked = await elsewhere.json(['verify-proof', proof, '--key', keys]);
  expect(checked).toMatchObject({ code: 0, document: { kind: 'consistency', faults: [] } });
  writeFileSync(proof, readFileSync(proof, 'utf8').replace('"size":11', '"size":10'));
  const spoilt = await elsewhere.json(['verify-proof', proof, '--key', keys]);
  expect(spoilt).toMatchObject({ code: 1 });
});

test(
  'the daemon gives heads to a file and a subject while the log grows, and stops on SIGTERM',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const client = await connect({ servers: nats.url });
    const got: string[] = [];
    client.subscribe('audit.heads', {
      callback: (_error, message) => void got.push(message.string()),
    });
    await client.flush();
    await raise(cli, 1, 2);
    const env = { TOCSIN_NATS: nats.url };
    const args = ['notary', '--heads-every', '1', '--heads-subject', 'audit.heads'];
    const daemon = cli.start([...args, '--http', '127.0.0.1:0'], { env });
    const [, url = ''] = await daemon.says(/"http":"([^"]+)"/);
    await until('a head', () => got.length > 0);
    await raise(cli, 3, 2);
    await until('another head', () => got.length > 1);
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(200);
    daemon.kill('SIGTERM');
    expect(await daemon.ended()).toMatchObject({ code: 0 });
    const heads = headsIn(cli);
    expect(got.map(parseHead)).toEqual(heads);
    expect(heads.map(({ size }) => size)).toEqual([8, 14]);
    await client.close();
  },
);

test('a notary whose log has changed stops with exit code 4 and signs nothing', async () => {
  await using cli = testCli();
  await raise(cli, 1, 2);
  await cli.run(['notary', '--once']);
  {
    await using _other = await embeddedStore({ file: cli.path('other.db') });
  }
  await cli.run(['raise', '--store', 'embedded:other.db', '--file', '-'], {
    input: `${raiseLine(1)}\n`,
  });
  const refused = await cli.json(['notary', '--once', '--store', 'embedded:other.db']);
  expect(refused).toMatchObject({
    code: 4,
    document: { error: { code: 'notary_of_other_log' } },
  });
  expect(headsIn(cli)).toHaveLength(1);
});
