// Invalid input to the command line. Each error names the fault, its place and an action; valid lines are
// processed, and invalid lines have no effect.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { testCli, type Cli, type JsonResult } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { storedEvents } from '../support/stored-events.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const ExportFaults = z.object({ faults: z.array(z.object({ code: z.string() })) });

const deep = JSON.parse('['.repeat(100) + ']'.repeat(100)) as unknown;
const utf16 = Buffer.from(`\ufeff${raiseLine(1)}\n`, 'utf16le');

/** Invalid lines with their expected errors. */
const badLines: readonly (readonly [line: string | Buffer, code: string, message: RegExp])[] = [
  ['{"user_id": 1,', 'broken_json', /^is not JSON: .*column 15/],
  ['{"user_id" 1}', 'broken_json', /column 12/],
  [raiseLine(2, { colour: 'red' }), 'unknown_field', /^colour is not a field/],
  ['{"__proto__":{"user_id":1}}', 'unknown_field', /^__proto__ is not a field/],
  [raiseLine(2, { user_id: -4 }), 'invalid_field', /^user_id must be a positive integer/],
  [raiseLine(2, { user_id: [1] }), 'invalid_field', /^user_id must be a positive integer/],
  [raiseLine(2, { user_id: undefined }), 'invalid_field', /^user_id is required/],
  [raiseLine('a b'), 'invalid_field', /^user_id must be a positive integer/],
  [raiseLine(2, { target_id: 1.5 }), 'invalid_field', /^target_id must be/],
  [raiseLine(2, { source: 7 }), 'invalid_field', /^source must be one of/],
  [raiseLine(2, { requested_at: 1777515462 }), 'invalid_field', /^requested_at must be RFC 3339/],
  [raiseLine(2, { requested_at: '2026-02-30T10:00:00Z' }), 'invalid_field', /^requested_at is not/],
  [raiseLine(2, { requested_at: '2026-04-30T10:17:42' }), 'invalid_field', /has no offset/],
  [raiseLine(2, { requested_at: '2016-12-31T23:59:60Z' }), 'invalid_field', /leap second/],
  [raiseLine(2, { requested_at: '1969-12-31T23:59:59Z' }), 'invalid_field', /outside the years/],
  [raiseLine(2, { requested_at: '9999-01-01T00:00:00Z' }), 'requested_at_in_future', /ahead of/],
  [raiseLine(2, { requested_at: undefined }), 'invalid_field', /^requested_at is required/],
  [raiseLine('a\u0000b'), 'broken_json', /^user_id has text with a NUL/],
  [`${raiseLine(2)}\0`, 'nul_byte', /NUL byte at column/],
  [raiseLine(2, { payload: 'x'.repeat(10_000_000) }), 'line_too_long', /256 KiB/],
  [raiseLine(2, { payload: deep }), 'broken_json', /^payload is nested deeper than 64/],
  [raiseLine(2, { payload: 'x'.repeat(33 * 1024) }), 'invalid_field', /^payload is larger than/],
  [raiseLine(2, { payload: '\ud800' }), 'broken_json', /^payload has .*lone surrogate/],
  [raiseLine(0).replace(':0', ':9007199254740993'), 'invalid_field', /^user_id must be/],
  [raiseLine(0).replace(':0', ':1e999'), 'broken_json', /^user_id has a number/],
  [raiseLine(2, { trace_id: 'x'.repeat(65) }), 'invalid_field', /^trace_id is longer than 64/],
  [raiseLine(2, { trigger_type: 'nope' }), 'unknown_trigger_type', /^trigger_type is not one of/],
  [raiseLine(2, { mock_now: '2026-04-30T10:00:00Z' }), 'mock_not_allowed', /^mock_now is allowed/],
  [raiseLine(2, { source: 'api_dry_run' }), 'dry_run_only', /dry run/],
  [Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_utf8', /^is not UTF-8/],
  ['[1]', 'invalid_field', /^line is not a JSON object/],
  ['null', 'invalid_field', /^line is not a JSON object/],
];

const SummarySchema = z.object({
  read: z.int(),
  raised: z.int(),
  duplicates: z.int(),
  rejected: z.int(),
  unknown: z.literal(0),
  unknownLines: z.tuple([]),
  errors: z.array(z.object({ line: z.int(), code: z.string(), message: z.string() })),
  errorsTruncated: z.boolean(),
  seconds: z.number(),
});

const ErrorSchema = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string().min(1), hint: z.string().min(1) }),
});

function errorCode({ document }: JsonResult): string {
  return ErrorSchema.parse(document).error.code;
}

async function raise(cli: Cli, content: string | Buffer): Promise<JsonResult> {
  writeFileSync(cli.path('in.ndjson'), content);
  return cli.call(['raise', '--file', 'in.ndjson']);
}

/** The event types of each stream in the file. */
function streamsOf(cli: Cli): readonly string[] {
  const events = storedEvents(cli.path('var/store.db'), 'tocsin.trigger-');
  const byStream = Map.groupBy(events, ({ stream }) => stream);
  return [...byStream.values()].map((own) => own.map(({ type }) => type).join(' '));
}

describe('tocsin raise with invalid lines', () => {
  test('reports line, field and reason of each, and raises the valid lines', async () => {
    await using cli = testCli();
    const file = Buffer.concat(
      badLines.flatMap(([line], i) => [
        Buffer.from(`${raiseLine(i + 1000)}\n`),
        typeof line === 'string' ? Buffer.from(line) : line,
        Buffer.from('\n'),
      ]),
    );
    writeFileSync(cli.path('in.ndjson'), file);
    const result = await cli.json(['raise', '--file', 'in.ndjson']);
    expect(result).toMatchObject({ code: 1, stderr: '' });
    const { errors, ...counts } = SummarySchema.parse(result.document);
    expect(counts).toMatchObject({
      read: badLines.length * 2,
      raised: badLines.length,
      duplicates: 0,
      rejected: badLines.length,
      errorsTruncated: false,
    });
    expect(errors.map(({ line, code }) => [line, code])).toEqual(
      badLines.map(([, code], i) => [i * 2 + 2, code]),
    );
    for (const [i, { message }] of errors.entries())
      expect(message).toMatch(badLines[i]?.[2] ?? '');
    expect(streamsOf(cli)).toEqual(
      Array.from(badLines, () => 'TriggerRaised PreviewOffered NotificationRequested'),
    );
  });

  test('reports the same on stderr without --json', async () => {
    await using cli = testCli();
    writeFileSync(cli.path('in.ndjson'), `${raiseLine(1)}\n{"user_id":\n`);
    const result = await cli.run(['raise', '--file', 'in.ndjson']);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/^2 lines read: 1 raised, 0 duplicates, 1 rejected/);
    expect(result.stderr).toMatch(/^line 2: broken_json: is not JSON/);
  });

  test('lists only the first thousand errors', async () => {
    await using cli = testCli();
    const { document, code } = await raise(cli, '{}\n'.repeat(1001));
    const { errors, errorsTruncated, rejected } = SummarySchema.parse(document);
    expect([code, rejected, errors.length, errorsTruncated]).toEqual([1, 1001, 1000, true]);
  });
});

describe('tocsin raise with unusual files', () => {
  test.each([
    ['an empty file', '', 0, 0],
    ['blank lines', '\n\r\n  \n', 0, 0],
    ['a byte order mark', `\ufeff${raiseLine(1)}\n`, 1, 1],
    ['CRLF', `${raiseLine(1)}\r\n${raiseLine(2)}\r\n`, 2, 2],
    ['no LF at the end', `${raiseLine(1)}\n${raiseLine(2)}`, 2, 2],
    ['UTF-8 of every length', raiseLine(1, { payload: 'é早😀\u2028' }), 1, 1],
  ])('%s is read', async (_, content, read, raised) => {
    await using cli = testCli();
    const { code, document } = await raise(cli, content);
    expect({ code, ...SummarySchema.parse(document) }).toMatchObject({ code: 0, read, raised });
  });

  test('names UTF-16 as the cause', async () => {
    await using cli = testCli();
    const { code, document } = await raise(cli, utf16);
    expect(code).toBe(1);
    expect(SummarySchema.parse(document).errors[0]?.message).toContain('looks like UTF-16');
  });

  test('reads stdin, and raises the lines before the pipe closes', async () => {
    await using cli = testCli();
    const input = `${raiseLine(1)}\n${raiseLine(2).slice(0, 40)}`;
    const { code, document } = await cli.json(['raise', '--file', '-'], { input });
    expect([code, document]).toMatchObject([1, { read: 2, raised: 1, rejected: 1 }]);
  });

  test('refuses a folder and a missing file without making a store', async () => {
    await using cli = testCli();
    for (const file of ['.', 'missing.ndjson', '']) {
      const result = await cli.call(['raise', '--file', file]);
      expect([result.code, errorCode(result)]).toEqual([2, 'unreadable_file']);
    }
    expect(await cli.run(['audit', 'replay'])).toMatchObject({ code: 2 });
  });
});

describe('the command line', { timeout: SLOW_TEST_MS }, () => {
  test.each([
    ['no command', [], 'wrong_usage'],
    ['an unknown command', ['frobnicate'], 'wrong_usage'],
    ['an unknown option', ['raise', '--file', 'x', '--fast'], 'wrong_usage'],
    ['a missing option', ['raise'], 'wrong_usage'],
    ['a group without its command', ['audit'], 'wrong_usage'],
    ['too many arguments', ['project', 'now'], 'wrong_usage'],
    ['concurrency 0', ['raise', '--file', '-', '--concurrency', '0'], 'invalid_concurrency'],
    ['a bad sequence', ['watch', '--from', 'yesterday'], 'invalid_from'],
    ['a foreign store', ['project', '--once', '--store', 'mysql://x'], 'invalid_store'],
    ['a bad server', ['project', '--once', '--store', 'esdb://'], 'connection_string'],
    ['two recovery options', ['project', '--once', '--from-now', '--adopt-tail'], 'several_ways'],
    ['a bad name', ['raise', '--file', '-', '--name', 'No Good'], 'invalid_kernel_name'],
    ['a bad address', ['project', '--http', 'here'], 'invalid_http'],
    ['a bad log level', ['project', '--log-level', 'loud'], 'invalid_log_level'],
    ['a bad stream name', ['project', '--once', '--stream', 'a b'], 'nats_output'],
    ['nothing parked', ['park', 'drop', 'x'], 'file_unusable'],
  ])('%s: exit 2 and one document', async (_, args, code) => {
    await using cli = testCli();
    const result = await cli.call(args);
    expect([result.code, errorCode(result)]).toEqual([2, code]);
  });

  test('reports a wrong call from a process, and prints its version', async () => {
    await using cli = testCli();
    const result = await cli.json(['frobnicate']);
    expect([result.code, errorCode(result)]).toEqual([2, 'wrong_usage']);
    const version = await cli.run(['--version']);
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await cli.run(['--help']);
    expect(help.code).toBe(0);
    for (const command of [
      'start',
      'raise',
      'watch',
      'project',
      'audit',
      'park',
      'store',
      'doctor',
    ])
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  test('refuses a settings file with unknown keys, wrong types or no JSON, and a missing file', async () => {
    await using cli = testCli();
    const config = cli.path('tocsin.config.json');
    for (const text of [
      '{"colour":"red"}',
      '{"store":7}',
      '{',
      '[]',
      'null',
      '{"name":"a","name":"b"}',
    ]) {
      writeFileSync(config, text);
      const result = await cli.call(['policy', 'show']);
      expect([text, result.code, errorCode(result)]).toEqual([text, 2, 'invalid_config']);
    }
    writeFileSync(config, '{}');
    const missing = await cli.call(['policy', 'show', '--config', 'other.json']);
    expect([missing.code, errorCode(missing)]).toEqual([2, 'invalid_config']);
    expect(await cli.call(['policy', 'show'])).toMatchObject({ code: 0 });
  });

  test('takes an option before the environment, the file and the default', async () => {
    await using cli = testCli();
    writeFileSync(cli.path('tocsin.config.json'), '{"store":"embedded:file.db"}');
    writeFileSync(cli.path('in.ndjson'), `${raiseLine(1)}\n`);
    const raised = async (args: readonly string[], env: Record<string, string>) => {
      const result = await cli.call(['raise', '--file', 'in.ndjson', ...args], { env });
      expect(result.document).toMatchObject({ raised: 1 });
    };
    const env = { TOCSIN_STORE: 'embedded:env.db' };
    await raised(['--store', 'embedded:option.db'], env);
    await raised([], env);
    await raised([], {});
    for (const name of ['option.db', 'env.db', 'file.db']) readFileSync(cli.path(name));
  });

  test('refuses files of another format and does not change them', async () => {
    await using cli = testCli();
    mkdirSync(cli.path('var'));
    writeFileSync(cli.path('var/store.db'), 'my diary');
    const result = await raise(cli, `${raiseLine(1)}\n`);
    expect([result.code, errorCode(result)]).toEqual([4, 'file_foreign']);
    expect(readFileSync(cli.path('var/store.db'), 'utf8')).toBe('my diary');
  });

  test('reports that a file is no export, also for one endless line', async () => {
    await using cli = testCli();
    const cases = [
      ['', 0],
      ['my diary\n', 1],
      ['{"n":0}\n\n', 2],
      ['x'.repeat(40 * 1024 * 1024), 1],
    ] as const;
    for (const [text, lines] of cases) {
      writeFileSync(cli.path('export.ndjson'), text);
      const result = await cli.call(['audit', 'verify-export', 'export.ndjson']);
      const { faults } = ExportFaults.parse(result.document);
      const codes = faults.map(({ code }) => code);
      expect(result.code).toBe(1);
      expect(codes).toEqual([
        ...Array<string>(lines).fill('not_a_line'),
        'header_missing',
        'manifest_missing',
      ]);
    }
  });

  test('exits with 2 for an address that is in use', async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const args = ['project', '--nats', nats.url, '--http', `127.0.0.1:${port}`];
    const result = await cli.call(args);
    taken.close();
    expect([result.code, errorCode(result)]).toEqual([2, 'http_unavailable']);
  });
});

describe('the command line without its NATS server', { timeout: SLOW_TEST_MS }, () => {
  const secret = 'hunter2-is-secret';

  test('exits with 3 and prints no password when the server is down', async () => {
    await using cli = testCli();
    await using bare = await testNatsServer({ jetStream: false });
    const apart = ['--store', 'embedded:other.db', '--state', 'other-state.db'];
    const nats = `nats://me:${secret}@127.0.0.1:1`;
    const [project, watch, doctor, noJetStream] = await Promise.all([
      cli.json(['project', '--once', '--nats', nats]),
      cli.json(['watch', '--nats', nats]),
      cli.json(['doctor', '--nats', nats]),
      cli.json(['project', '--once', '--nats', bare.url, ...apart]),
    ]);
    expect([project.code, errorCode(project)]).toEqual([3, 'dependency_away']);
    expect([watch.code, errorCode(watch)]).toEqual([3, 'nats_unavailable']);
    expect(doctor.code).toBe(1);
    expect([noJetStream.code, errorCode(noJetStream)]).toEqual([3, 'dependency_away']);
    expect(JSON.stringify(noJetStream.document)).toContain('has no JetStream');
    for (const result of [project, watch, doctor]) {
      expect(JSON.stringify(result)).not.toContain(secret);
    }
  });

  test('exits with 2 and prints no password when the password is wrong', async () => {
    await using cli = testCli();
    await using nats = await testNatsServer({
      config: `authorization { user: me, password: "another" }`,
    });
    const wrong = nats.url.replace('//', `//me:${secret}@`);
    const result = await cli.call(['project', '--once', '--nats', wrong]);
    expect([result.code, errorCode(result)]).toEqual([2, 'nats_credentials']);
    expect(JSON.stringify(result)).not.toContain(secret);
    const daemon = await cli.run(['project', '--nats', wrong]);
    expect(daemon.code).toBe(2);
    expect(JSON.stringify(daemon)).not.toContain(secret);
    const env = { TOCSIN_NATS_USER: 'me', TOCSIN_NATS_PASSWORD: 'another' };
    expect(await cli.call(['project', '--once', '--nats', nats.url], { env })).toMatchObject({
      code: 0,
    });
  });
});
