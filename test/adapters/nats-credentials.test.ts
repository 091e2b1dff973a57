// Credentials and permissions that change on a real server: an outage for a client that was accepted before.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const configOf = (password: string, permissions = ''): string =>
  `authorization { users: [{ user: tocsin, password: ${password} ${permissions} }] }`;

let server: TestNatsServer;

beforeEach(async () => {
  server = await testNatsServer({ config: configOf('first') });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** Gives the server another configuration. */
async function reconfigure(config: string): Promise<void> {
  writeFileSync(join(server.folder, 'nats.conf'), config);
  await server.restart();
}

const access = (password: string, servers: readonly string[] = [server.url]) => ({
  servers,
  credentials: { user: 'tocsin', password },
});

/** What connecting leads to: `connected`, or the error's kind and message. */
async function attempt(output: ReturnType<typeof jetStreamOutput>): Promise<string> {
  try {
    await using session = await output.connect();
    await session.info();
    return 'connected';
  } catch (error) {
    if (error instanceof TocsinError) return `${error.kind} ${error.code}`;
    return error instanceof Error ? `outage: ${error.message}` : String(error);
  }
}

test('an output whose first connection is refused ends, and later an unchanged refusal is an outage', async () => {
  expect(await attempt(jetStreamOutput(access('wrong')))).toBe('usage nats_credentials');
  const output = jetStreamOutput(access('first'));
  expect(await attempt(output)).toBe('connected');
  await reconfigure(configOf('second'));
  await until('the refusal', async () =>
    /^outage: .*refused the credentials/.test(await attempt(output)),
  );
  await reconfigure(configOf('first'));
  await until('it is accepted again', async () => (await attempt(output)) === 'connected');
});

test('permissions that are taken away are an outage for an output that had them', async () => {
  const output = jetStreamOutput(access('first'));
  expect(await attempt(output)).toBe('connected');
  await reconfigure(configOf('first', ', permissions: { publish: { deny: "$JS.>" } }'));
  await until('the denial', async () =>
    /^outage: .*denies a permission/.test(await attempt(output)),
  );
  await reconfigure(configOf('first'));
  await until('it is allowed again', async () => (await attempt(output)) === 'connected');
});

test('a request queue waits while its credentials are refused, and says so', async () => {
  const waits: string[] = [];
  let isBack = false;
  const stop = new AbortController();
  const running = jetStreamInbox(access('first')).run({
    signal: stop.signal,
    check: () => Promise.resolve('wait'),
    handle: () => Promise.resolve('ack'),
    report: {
      works: () => undefined,
      waits: (reason) => {
        isBack =
          waits.at(-1)?.includes('credentials') === true && reason.includes('does not exist');
        waits.push(reason);
      },
    },
  });
  await until('the first connection', () => waits.includes('the stream TOCSIN does not exist'));
  await reconfigure(configOf('second'));
  await until('the refusal', () =>
    waits.some((reason) => reason.includes('refused the credentials')),
  );
  await reconfigure(configOf('first'));
  await until('it is accepted again', () => isBack);
  stop.abort();
  await expect(running).resolves.toBeUndefined();
});

test('a server that refuses the user does not hide another one that accepts it', async () => {
  await using other = await testNatsServer({ config: configOf('second') });
  const output = jetStreamOutput(access('second', [server.url, other.url]));
  expect(await attempt(output)).toBe('connected');
});
