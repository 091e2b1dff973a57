// The permissions that docs/operating.md gives are enough for a projector and a worker; without the right to
// acknowledge, `doctor` and the log say so.
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const documented = /permissions \{[\s\S]+?\n {2}\}/.exec(
  readFileSync('docs/operating.md', 'utf8'),
)?.[0];

type World = { readonly cli: Cli; readonly env: Readonly<Record<string, string>> };

/** A store with a raised trigger, and a NATS server whose user has these permissions. */
async function world(permissions: string): Promise<World> {
  const user = `{ user: tocsin, password: secret, ${permissions} }`;
  const admin = '{ user: admin, password: secret }';
  const nats = await testNatsServer({ config: `authorization { users: [${admin}, ${user}] }` });
  const cli = testCli();
  onTestFinished(async () => {
    await cli[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });
  const store = cli.start(['store', '--store', 'embedded:a.db', '--listen', '127.0.0.1:0']);
  const [url] = await store.says(/esdb:[^;\s]+/);
  const env = {
    TOCSIN_STORE: url,
    TOCSIN_NATS: nats.url,
    TOCSIN_NATS_USER: 'tocsin',
    TOCSIN_NATS_PASSWORD: 'secret',
  };
  await cli.json(['raise', '--file', '-'], { env, input: `${raiseLine('eve')}\n` });
  return { cli, env };
}

async function delivered({ cli, env }: World): Promise<CliProcess> {
  const worker = cli.start(['start', '--mode', 'worker'], { env });
  const list = ['deliveries', 'list', '--json'];
  await expect
    .poll(async () => (await cli.run(list, { env })).stdout, {
      timeout: SLOW_TEST_MS,
      interval: 500,
    })
    .toContain('no_channel');
  return worker;
}

test(
  'projector and worker need no other permissions than the documented ones',
  { timeout: SLOW_TEST_MS },
  async () => {
    expect(documented).toContain('$JS.ACK.>');
    const made = await world(documented ?? '');
    const worker = await delivered(made);
    expect(await made.cli.call(['doctor'], made)).toMatchObject({ code: 0 });
    worker.kill('SIGTERM');
    const { code, stdout } = await worker.ended();
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/denies|come again/);
  },
);

test(
  'a user who may not acknowledge is named by doctor and in the log of the worker',
  { timeout: SLOW_TEST_MS },
  async () => {
    const made = await world((documented ?? '').replace(', "$JS.ACK.>"', ''));
    const worker = await delivered(made);
    await worker.says(/denies a permission: acknowledgements/);
    const { code, document } = await made.cli.call(['doctor'], made);
    expect(code).toBe(1);
    expect(document).toMatchObject({
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'acks', status: 'failed', code: 'nats_permissions' }),
      ]) as unknown,
    });
  },
);
