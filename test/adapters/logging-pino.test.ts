import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { jsonLogger, type JsonLoggerOptions } from '../../src/adapters/logging/pino.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';

const Entry = z.record(z.string(), z.unknown());

/** A logger, and what it has written. */
function recorded(options: Omit<JsonLoggerOptions, 'destination'> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = jsonLogger({ ...options, destination });
  return { logger, lines, entries: () => lines.map((line) => Entry.parse(JSON.parse(line))) };
}

/** What is written of these fields. */
function written(fields: Readonly<Record<string, unknown>>, message = 'x'): string {
  const { logger, lines } = recorded();
  logger.info(fields, message);
  expect(lines).toHaveLength(1);
  return lines.join('');
}

test('jsonLogger writes one JSON line per entry with level, time, fields and message', () => {
  const { logger, lines, entries } = recorded();
  logger.warn({ epoch: 3, role: 'active' }, 'epoch ended\nwith a line break');
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
  expect(lines).toHaveLength(1);
  const { time, ...entry } = entries()[0] ?? {};
  expect(z.iso.datetime().parse(time)).toMatch(/Z$/);
  expect(entry).toEqual({
    level: 'warn',
    epoch: 3,
    role: 'active',
    msg: 'epoch ended\nwith a line break',
  });
});

test('jsonLogger writes entries at its level or above, by default info', () => {
  const levels = (level?: JsonLoggerOptions['level']): unknown[] => {
    const { logger, entries } = recorded(level === undefined ? {} : { level });
    for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name]({}, name);
    return entries().map((entry) => entry['level']);
  };
  expect(levels()).toEqual(['info', 'warn', 'error']);
  expect(levels('debug')).toEqual(['debug', 'info', 'warn', 'error']);
  expect(levels('error')).toEqual(['error']);
});

test('jsonLogger renames fields called level, time or msg', () => {
  const { logger, lines } = recorded();
  logger.info({ level: 'error', time: 1, msg: 'forged' }, 'real');
  expect(lines[0]?.match(/"(?:level|time|msg)":/g)).toHaveLength(3);
  expect(lines[0]).toContain('"level_":"error","time_":1,"msg_":"forged","msg":"real"');
});

describe('jsonLogger redacts secrets', () => {
  test.each([
    [{ password: 'S3CRET' }],
    [{ natsPassword: 'S3CRET' }],
    [{ a: { b: [{ accessToken: 'S3CRET' }] } }],
    [{ headers: { Authorization: 'Bearer S3CRET' } }],
    [{ headers: new Map([['set-cookie', 'S3CRET']]) }],
    [{ creds: { user: 'S3CRET' } }],
    [{ client_secret: 'S3CRET', apiKey: 'S3CRET', privateKey: 'S3CRET' }],
    [{ webhookUrl: 'https://open.feishu.cn/open-apis/bot/v2/hook/S3CRET' }],
    [{ url: 'nats://user:S3CRET@broker:4222' }],
    [{ url: 'nats://S3CRET@broker:4222' }],
    [{ url: 'esdb://admin:S3CRET/with@two@host:2113?tls=false' }],
    [{ url: new URL('https://u:S3CRET@example.org/') }],
    [{ text: 'nats://a:4222,nats://u:S3CRET@b:4222 is away' }],
    [{ to: 'https://open.feishu.cn/open-apis/bot/v2/hook/S3CRET-8c1f' }],
    [{ to: 'https://www.feishu.cn/flow/api/trigger-webhook/S3CRET-8c1f' }],
    [{ to: 'https://hooks.example.org/services/S3CRET/T0/B0' }],
    [{ to: 'https://example.org/x?access_token=S3CRET&a=1' }],
    [{ header: 'authorization: Basic S3CRETxx' }],
    [{ error: new Error('cannot reach nats://u:S3CRET@b') }],
    [{ error: new Error('outer', { cause: new Error('esdb://u:S3CRET@b') }) }],
    [{ error: new AggregateError([new Error('nats://u:S3CRET@b')], 'all') }],
    [{ error: Object.assign(new Error('x'), { code: 'E_nats://u:S3CRET@b' }) }],
  ])('%j', (fields) => {
    expect(written(fields)).not.toContain('S3CRET');
    expect(written(fields)).toContain('***');
  });

  test('in the message', () => {
    expect(written({}, 'connecting to nats://u:S3CRET@b:4222')).toContain('nats://***@b:4222');
  });

  test('but not similar ordinary text', () => {
    const fields = { tokens: undefined, to: 'user@example.org', at: 'http://127.0.0.1:80/event/1' };
    const stack = 'at file:///srv/node_modules/@hono/node-server/dist/index.mjs:1:2';
    expect(written({ stack })).toContain(stack);
    expect(written(fields)).toContain('"to":"user@example.org","at":"http://127.0.0.1:80/event/1"');
  });
});

describe('jsonLogger with errors', () => {
  test('writes code, hint and the chain of causes', () => {
    const { logger, entries } = recorded();
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = new TocsinError('unavailable', 'nats_away', 'NATS is away', {
      hint: 'Start it.',
      cause: new Error('refused', { cause }),
    });
    logger.error({ error }, 'failed');
    expect(entries()[0]?.['error']).toMatchObject({
      name: 'TocsinError',
      code: 'nats_away',
      message: 'NATS is away',
      hint: 'Start it.',
      stack: expect.stringContaining('logging-pino.test.ts') as unknown,
      cause: {
        name: 'Error',
        message: 'refused',
        cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
      },
    });
  });

  test('ends at an error that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(written({ error })).toContain('"cause":"(seen above)"');
  });
});

test('jsonLogger writes values that JSON cannot hold as text', () => {
  const loop: Record<string, unknown> = { position: 2n ** 60n };
  loop['self'] = loop;
  const text = written({
    loop,
    at: new Date(0),
    never: new Date(NaN),
    bytes: new Uint8Array(1e6),
    set: new Set([1n]),
    many: Array.from({ length: 150 }, (_, index) => index),
    long: 'y'.repeat(10_000),
    deep: { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } },
    nothing: undefined,
  });
  const { loop: shown, ...rest } = Entry.parse(JSON.parse(text));
  expect(shown).toEqual({ position: '1152921504606846976', self: '(seen above)' });
  expect(rest).toMatchObject({
    at: '1970-01-01T00:00:00.000Z',
    never: null,
    bytes: '(1000000 bytes)',
    set: ['1'],
    deep: { a: { b: { c: { d: { e: { f: '…' } } } } } },
  });
  expect(text).toContain('"… 50 more"');
  expect(text.length).toBeLessThan(10_000);
});

test('jsonLogger escapes what could draw on a terminal, and the entry stays the same JSON', () => {
  const { logger, lines, entries } = recorded();
  logger.info({ reason: 'a\u001b[2J\u009b31m\u202eb' }, 'told\u2028x');
  expect(lines[0]).toContain('a\\u001b[2J\\u009b31m\\u202eb');
  expect(lines[0]).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}]*\n$/u);
  expect(entries()).toMatchObject([{ reason: 'a\u001b[2J\u009b31m\u202eb', msg: 'told\u2028x' }]);
});

test('jsonLogger writes any entry as one line of JSON', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withMap: true, withSet: true })),
      fc.string(),
      (fields, message) => {
        const text = written(fields, message);
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(Entry.parse(JSON.parse(text))['level']).toBe('info');
      },
    ),
  );
});
