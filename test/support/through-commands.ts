// Runs a whole file through the command line and a real NATS server, and checks the result.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { testCli, type Cli } from './cli.ts';
import { rawStream } from './jetstream.ts';
import { LONG_PROOF_MS } from './timeouts.ts';
import { testNatsServer } from './nats-server.ts';

/** The expected values, from an oracle. */
export type Expected = {
  readonly read: number;
  readonly raised: number;
  readonly duplicates: number;
  /** Lines whose idempotency key belongs to another request. */
  readonly conflicts: number;
  readonly published: number;
  readonly suppressed: number;
  /** Messages by contract. */
  readonly messages: Readonly<Record<string, number>>;
  readonly digest: string;
};

/** The store of the commands: a file, or a server with EventStoreDB's protocol. */
export const STORES = ['the embedded store', 'the front'] as const;

/** Where the commands run: each in its own process, or, if another test covers that, in this process. */
type Way = 'json' | 'call';

/** Runs the three commands twice; the second run must have no effect. */
export async function throughTheCommands(
  through: (typeof STORES)[number],
  file: string,
  expected: Expected,
  way: Way,
): Promise<void> {
  await using folder = testCli();
  const env = through === 'the front' ? { TOCSIN_STORE: await front(folder) } : {};
  const cli = {
    json: (args: readonly string[]) => folder[way](args, { env, timeoutMs: LONG_PROOF_MS }),
  };
  await using nats = await testNatsServer();
  await using stream = await rawStream(nats.url);
  const { read, raised, duplicates, conflicts, published, suppressed } = expected;

  const first = await cli.json(['raise', '--file', file]);
  expect(first.document).toMatchObject({ read, raised, duplicates, rejected: conflicts });
  expect(first.code).toBe(conflicts === 0 ? 0 : 1);
  const project = ['project', '--once', '--nats', nats.url];
  const projected = await cli.json(project);
  expect(projected).toMatchObject({
    code: 0,
    stderr: '',
    document: { triggered: raised, published, suppressed, parked: 0 },
  });
  expect(await stream.counts()).toEqual(expected.messages);
  const messages = await stream.all();
  expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(
    Array.from({ length: raised + published }, (_, i) => i + 1),
  );
  expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
  const audit = await cli.json(['audit', 'replay']);
  expect(audit).toMatchObject({
    code: 0,
    document: { triggers: raised, published, suppressed, dedupeKeysSha256: expected.digest },
  });

  const verified = await cli.json(['audit', 'verify', '--nats', nats.url]);
  expect(verified).toMatchObject({
    code: 0,
    document: {
      published,
      suppressed,
      mismatches: [],
      messages: { compared: messages.length, notVerifiable: 0, foreign: 0, late: 0 },
    },
  });

  const again = await cli.json(['raise', '--file', file]);
  expect(again.document).toMatchObject({
    read,
    raised: 0,
    duplicates: read - conflicts,
    rejected: conflicts,
  });
  expect((await cli.json(project)).document).toMatchObject({
    events: 0,
    triggered: 0,
    published: 0,
    suppressed: 0,
    outputSequence: String(raised + published),
  });
  expect((await stream.last())?.sequence).toBe(raised + published);
}

async function front(cli: Cli): Promise<string> {
  const server = cli.start(['store', '--listen', '127.0.0.1:0']);
  const [, url = ''] = await server.says(/ at (esdb:\S+);/);
  return url;
}

const RealSchema = z.object({
  read: z.int(),
  raised: z.int(),
  trigger_duplicates: z.int(),
  published: z.int(),
  suppressed: z.int(),
  dedupe_keys_sha256: z.string(),
});

/** The folder with a large recorded data set, if it exists. */
export const recordedData = process.env['TOCSIN_TEST_DATA'];

/** Runs thirteen years of a real project, and checks the exact counts and digest. */
export async function recordedThroughTheCommands(through: (typeof STORES)[number]): Promise<void> {
  const folder = recordedData ?? '';
  const text = readFileSync(join(folder, 'commit-triggers.expected.json'), 'utf8');
  const real = RealSchema.parse(JSON.parse(text));
  const answer = {
    ...real,
    duplicates: real.trigger_duplicates,
    conflicts: 0,
    messages: {
      'active_schedule.triggered': real.raised,
      'notification.feishu.requested': real.published,
    },
    digest: real.dedupe_keys_sha256,
  };
  await throughTheCommands(through, join(folder, 'commit-triggers.ndjson'), answer, 'json');
}
