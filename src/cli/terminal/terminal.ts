// The output of a command. With `--json`, stdout holds JSON and nothing else. Text from outside is part of many
// lines, so control characters are escaped here, where every line passes.
import { TocsinError, type ErrorKind } from '../../domain/core/errors.ts';
import { escapeControls } from '../../domain/core/text.ts';
import { OutputError } from '../../projections/output.ts';

export const EXIT = { done: 0, partly: 1, usage: 2, unavailable: 3, interrupted: 130 } as const;

const EXIT_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  usage: 2,
  unavailable: 3,
  refused: 4,
  internal: 5,
};

export type Terminal = {
  readonly json: boolean;
  /** For people: lines on stdout; nothing with `--json`. A line break within a line is escaped. */
  readonly say: (...lines: readonly string[]) => void;
  /** For programs: one JSON document on stdout; nothing without `--json`. */
  readonly print: (document: object) => void;
  /** A remark on stderr, in both modes. */
  readonly note: (line: string) => void;
  /** A line that the next one overwrites; only on a terminal. */
  readonly progress: (text: () => string) => void;
  readonly endProgress: () => void;
};

/** Shortest time between two progress lines. */
const PROGRESS_EVERY_MS = 200;

export function createTerminal(json: boolean): Terminal {
  const live = process.stderr.isTTY;
  let shownAt = 0;
  let shown = false;
  const endProgress = (): void => {
    if (shown) process.stderr.write('\r\u001b[K');
    shown = false;
  };
  return {
    json,
    say: (...lines) => {
      if (json) return;
      endProgress();
      for (const line of lines) process.stdout.write(`${escapeControls(line)}\n`);
    },
    print: (document) => {
      if (json) process.stdout.write(`${toJson(document)}\n`);
    },
    note: (line) => {
      endProgress();
      process.stderr.write(`${escapeControls(line)}\n`);
    },
    progress: (text) => {
      const now = performance.now();
      if (!live || now - shownAt < PROGRESS_EVERY_MS) return;
      shownAt = now;
      shown = true;
      process.stderr.write(`\r\u001b[K${escapeControls(text())}`);
    },
    endProgress,
  };
}

/** JSON with bigints as decimal strings, and with control characters escaped: it may be shown on a terminal. */
export function toJson(document: object): string {
  const text = JSON.stringify(document, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return escapeControls(text);
}

/** Writes the error that ends a process into its log. */
export type FatalLine = (failure: TocsinError) => void;

/** Reports an error as text or as JSON. @returns the exit code: a missing right is a wrong configuration to a command */
export function reportFailure(error: unknown, json: boolean, fatal?: FatalLine): number {
  const failure = asTocsinError(error);
  const { code, message, hint, kind } = failure;
  // With --json the document says it all, and a program parses stdout as one.
  if (!json) fatal?.(failure);
  if (json) process.stdout.write(`${toJson(problemOf(failure))}\n`);
  else process.stderr.write(`error: ${escapeControls(message)}\n${escapeControls(hint)}\n`);
  if (kind === 'internal' && process.env['TOCSIN_DEBUG'] !== undefined && error instanceof Error) {
    for (const line of (error.stack ?? '').split('\n')) {
      process.stderr.write(`${escapeControls(line)}\n`);
    }
  }
  return code === 'access_denied' ? EXIT_OF_KIND.usage : EXIT_OF_KIND[kind];
}

/** An error as a part of a JSON document. */
export function problemOf({ code, message, hint }: TocsinError): { readonly error: object } {
  return { error: { code, message, hint } };
}

export function rate(count: number, startedAt: number): string {
  const seconds = (performance.now() - startedAt) / 1000;
  return `${Math.round(count / Math.max(seconds, 0.001)).toLocaleString('en')}/s`;
}

/** Seconds since `startedAt`, to the millisecond. */
export function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000;
}

function asTocsinError(error: unknown): TocsinError {
  if (error instanceof TocsinError) return error;
  if (error instanceof OutputError) {
    return new TocsinError('unavailable', 'nats_unavailable', error.message, {
      hint: 'Start the NATS server, or check --nats.',
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new TocsinError('internal', 'internal_error', message, {
    hint: 'This is a bug in Tocsin. Run again with TOCSIN_DEBUG=1 and report the output.',
    cause: error,
  });
}
