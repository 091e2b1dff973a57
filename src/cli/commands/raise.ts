// `tocsin raise`: raises the triggers in a file of JSON lines.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Command } from 'commander';
import { TocsinError } from '../../domain/core/errors.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { ACCESS_HINT } from '../../kernel/decider/decider.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT, rate, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { register, type Work } from './command.ts';
import { raiseLines, untilAborted, type RaiseSummary } from '../compose/raise-file.ts';

/** How long a line waits for an event store that is away. */
const OUTAGE_MS = 60_000;

type Options = { readonly file: string; readonly concurrency: string };

export function raiseCommand(program: Command): void {
  register(
    program
      .command('raise')
      .description('raise triggers from a file of lines (NDJSON)')
      .requiredOption('--file <FILE>', 'file with one JSON object per line; - reads stdin')
      .option('--concurrency <N>', 'raises in flight, 1 to 1024', '64'),
    ['store', 'name', 'channel', 'vault', 'vaultKeyFile'],
    `A line has the fields of the contract trigger.raised, without trigger_id, dedupe_key and is_mock_time:
  {"user_id":42,"trigger_type":"important_urgent_task","source":"api_trigger","target_type":"task_pool",
   "target_id":7,"requested_at":"2026-04-30T10:17:42+08:00"}
The trigger types come from tocsin.config.ts or tocsin.config.mjs in this folder, else from the schedule product.

Examples:
  tocsin raise --file triggers.ndjson
  generate | tocsin raise --file - --json

The command raises all valid lines, and exits with 1 if it rejected a line. It waits a minute for an event
store that is away. Then it stops reading, lists the lines without an answer and exits with 3: send them again.`,
    raise,
  );
}

const raise: Work<Options> = async ({ config, terminal, signal, wasInterrupted }, options) => {
  const concurrency = Number(options.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1024) {
    const hint = 'Use a whole number from 1 to 1024.';
    throw usageError('invalid_concurrency', '--concurrency is out of range', hint);
  }
  const source = await openInput(options.file);
  await using store = await openSealedStore(config, 'tocsin raise');
  const logger = notesOf(terminal);
  await using kernel = await openProductKernel(config, store, { logger });
  const startedAt = performance.now();
  let done = 0;
  const summary = await raiseLines(kernel, untilAborted(source, signal), {
    concurrency,
    deadlineMs: OUTAGE_MS,
    stopsAtUnknown: true,
    onLine() {
      done += 1;
      terminal.progress(() => `${done.toLocaleString('en')} lines, ${rate(done, startedAt)}`);
    },
  });
  const result = { ...summary, seconds: secondsSince(startedAt) };
  terminal.print(result);
  terminal.say(
    `${result.read} lines read: ${result.raised} raised, ${result.duplicates} duplicates, ` +
      `${result.rejected} rejected${unknownText(result)} (${result.seconds} s)`,
  );
  for (const { line, code, message } of terminal.json ? [] : result.errors) {
    terminal.note(`line ${line}: ${code}: ${message}`);
  }
  if (!terminal.json && result.errorsTruncated)
    terminal.note('… and more; only the first errors are shown.');
  // The store has answered: this user may not append.
  const isDenied = result.errors.some(({ code }) => code === 'access_denied');
  if (isDenied) terminal.note(ACCESS_HINT);
  if (result.unknown > 0) {
    terminal.note(
      `${isDenied ? 'The event store denies appends' : 'The event store gave no answer'}, so reading stopped. Send the lines without an answer again, and those after ` +
        `line ${result.read}: a trigger that is in the log already comes back as a duplicate.`,
    );
  }
  if (wasInterrupted()) return EXIT.interrupted;
  if (isDenied) return EXIT.usage;
  if (result.unknown > 0) return EXIT.unavailable;
  return result.rejected > 0 ? EXIT.partly : EXIT.done;
};

/** Warnings of the kernel as notes. */
function notesOf(terminal: Pick<Terminal, 'note'>): Logger {
  const warn: Logger['warn'] = ({ triggerId }, message) => {
    terminal.note(`${String(triggerId)}: ${message}`);
  };
  return { ...silentLogger, warn };
}

function unknownText({ unknown }: RaiseSummary): string {
  return unknown === 0 ? '' : `, ${unknown} without an answer`;
}

/** Fails before the first raise when the file cannot be read. */
async function openInput(file: string): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') return process.stdin;
  const hint = 'Name a readable file of lines, or - for stdin.';
  const unreadable = (why: string, cause?: unknown): TocsinError =>
    usageError('unreadable_file', `${file} ${why}`, hint, cause);
  try {
    await using handle = await open(file, 'r');
    if ((await handle.stat()).isDirectory()) throw unreadable('is a directory');
  } catch (error) {
    throw error instanceof TocsinError ? error : unreadable('cannot be read', error);
  }
  return createReadStream(file);
}
