// The log of daemons: repeats are folded, and the error that ends one is its last line.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { foldRepeats } from '../../src/adapters/logging/fold-repeats.ts';
import type { Logger } from '../../src/domain/ports/logger.ts';
import { testCli } from '../support/cli.ts';

const lines: string[] = [];
const note =
  (level: string): Logger['warn'] =>
  (fields, message) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
const logger: Logger = {
  debug: note('debug'),
  info: note('info'),
  warn: note('warn'),
  error: note('error'),
};

beforeEach(() => {
  lines.length = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a warning that repeats every second is one line a minute, with how often it came', () => {
  const folded = foldRepeats(logger);
  for (let second = 0; second < 125; second += 1) {
    folded.warn({ reason: 'refused', waitMs: second }, 'the store cannot be reached');
    vi.advanceTimersByTime(1_000);
  }
  expect(lines).toEqual([
    'warn the store cannot be reached {"reason":"refused","waitMs":0}',
    'warn the store cannot be reached {"reason":"refused","waitMs":59,"repeated":59}',
    'warn the store cannot be reached {"reason":"refused","waitMs":119,"repeated":60}',
  ]);
  vi.advanceTimersByTime(120_000);
  expect(lines).toHaveLength(4);
  folded.warn({ reason: 'refused', waitMs: 1 }, 'the store cannot be reached');
  expect(lines.at(-1)).toBe('warn the store cannot be reached {"reason":"refused","waitMs":1}');
});

test('lines about different things, or of lower levels, are not folded', () => {
  const folded = foldRepeats(logger);
  folded.warn({ notificationId: 'a' }, 'a delivery is dead');
  folded.warn({ notificationId: 'b' }, 'a delivery is dead');
  folded.error({ notificationId: 'b' }, 'a delivery is dead');
  folded.info({}, 'request');
  folded.info({}, 'request');
  expect(lines).toHaveLength(5);
});

test('more different lines than are remembered are all written', () => {
  const folded = foldRepeats(logger);
  for (let n = 0; n < 1_500; n += 1) folded.warn({ n: String(n) }, 'a delivery is dead');
  expect(lines).toHaveLength(1_500);
});

const Fatal = z.object({ level: z.literal('fatal'), time: z.string(), code: z.string() });

test.for([
  ['project', '--store', 'nonsense'],
  ['start', '--mode', 'worker', '--store', 'nonsense'],
  ['start', '--mode', 'api', '--api', '0.0.0.0:0'],
  ['store', '--listen', '0.0.0.0:0'],
])('the last line of the log of %s says which error ended the daemon', async (args) => {
  vi.useRealTimers();
  await using cli = testCli();
  const { stdout, stderr, code } = await cli.run(args);
  expect(code).not.toBe(0);
  const log = (args[0] === 'store' ? stderr : stdout)
    .split('\n')
    .filter((line) => line.startsWith('{'));
  expect(Fatal.parse(JSON.parse(log.at(-1) ?? ''))).toMatchObject({ level: 'fatal' });
});
