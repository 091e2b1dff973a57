// `@kurrent/kurrentdb-client` and this package in one process. The generated code of both writes to the global
// `proto.event_store.client`. Each order of imports needs a process of its own, since classes load only once.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { storeFile } from './front.support.ts';

const source = (path: string): string =>
  JSON.stringify(new URL(`../../src/adapters/eventstore/${path}`, import.meta.url).href);

const THEIRS = `const { KurrentDBClient, jsonEvent } = await import('@kurrent/kurrentdb-client');`;
const OURS = `
  const { createFront } = await import(${source('front/front.ts')});
  const { eventStoreDb } = await import(${source('esdb/store.ts')});
  const front = await createFront({ file: process.argv[1] });
  const store = eventStoreDb({ connectionString: front.url });
  const discovering = eventStoreDb({ connectionString: front.url.replace('esdb', 'esdb+discover') });
  const ourEvent = () => ({ id: crypto.randomUUID(), type: 'ours', data: {}, metadata: {} });
  const first = await store.append('ours-1', 'no_stream', [ourEvent()]);`;

/** Both clients append and read, each through its own classes. */
const BOTH = `
  const client = KurrentDBClient.connectionString(front.url.replace('esdb', 'kurrentdb'));
  const theirEvent = () => jsonEvent({ type: 'theirs', data: {} });
  const theirs = await client.appendToStream('theirs-1', [theirEvent()], { streamState: 'no_stream' });
  const second = await discovering.append('ours-2', 'no_stream', [ourEvent()]);
  const again = await client.appendToStream('theirs-1', theirEvent(), { streamState: 0n });
  const read = [];
  for await (const { event } of client.readStream('theirs-1')) read.push(event.type);
  for await (const page of store.readAll({ direction: 'forwards', prefixes: ['ours-'] })) {
    read.push(...page.map(({ type }) => type));
  }
  process.stdout.write(JSON.stringify({
    outcomes: [first.outcome, theirs.success, second.outcome, again.success],
    read,
  }));
  process.exit(0);`;

async function run(code: string): Promise<unknown> {
  const args = ['--input-type=module', '-e', code, storeFile()];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout);
}

const bothWork = {
  outcomes: ['appended', true, 'appended', true],
  read: ['theirs', 'theirs', 'ours', 'ours'],
};

describe('eventStoreDb and createFront beside @kurrent/kurrentdb-client', () => {
  test('append and read, and so does the other client, when it is imported first', async () => {
    expect(await run(`${THEIRS}${OURS}${BOTH}`)).toMatchObject(bothWork);
  });

  test('append and read, and so does the other client, when it is imported last', async () => {
    expect(await run(`${OURS}${THEIRS}${BOTH}`)).toMatchObject(bothWork);
  });

  test('append and read with the definitions of the other client, while the host uses it', async () => {
    const code = `${THEIRS}${OURS.replace('front.url });', "front.url + '&client=kurrentdb' });")}${BOTH}`;
    expect(await run(code)).toMatchObject(bothWork);
  });

  test('need the other client only when the connection string asks for it', async () => {
    const code = `
      const { registerHooks } = await import('node:module');
      registerHooks({
        resolve(name, context, next) {
          if (name.includes('@kurrent/')) throw new Error(name + ' is not installed');
          return next(name, context);
        },
      });
      ${OURS}
      let refused;
      try {
        eventStoreDb({ connectionString: front.url + '&client=kurrentdb' });
      } catch ({ code }) {
        refused = code;
      }
      process.stdout.write(JSON.stringify([first.outcome, refused]));
      process.exit(0);`;
    expect(await run(code)).toEqual(['appended', 'client_missing']);
  });

  test('leave the global proto without classes of the event store', async () => {
    const code = `${OURS}
      process.stdout.write(JSON.stringify([first.outcome, globalThis.proto?.event_store]));
      process.exit(0);`;
    expect(await run(code)).toEqual(['appended', null]);
  });
});
