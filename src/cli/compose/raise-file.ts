// Raises the lines of a file, of stdin or of the terminal of a running `start`.
import type { Kernel } from '../../kernel/open-kernel.ts';
import type { RaiseResult } from '../../kernel/raise/raise-result.ts';
import { readLines } from '../../adapters/ndjson/lines.ts';
import { fromRaiseLine, toContractFields } from '../../domain/contracts/mapping.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import { rejectionWith } from '../../domain/core/input.ts';

export const MAX_LISTED_ERRORS = 1000;

export type LineError = { readonly line: number; readonly code: string; readonly message: string };

/** The result for all lines of a file; its keys are the JSON of the command. */
export type RaiseSummary = {
  read: number;
  raised: number;
  duplicates: number;
  rejected: number;
  /** Lines without an answer of the store: they may be in the log, and are to be sent again. */
  unknown: number;
  /** The numbers of those lines. */
  unknownLines: number[];
  errors: LineError[];
  errorsTruncated: boolean;
};

export type LineOutcome = { readonly line: number } & (
  | { readonly kind: 'result'; readonly result: RaiseResult }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
);

export type RaiseLinesOptions = {
  readonly concurrency: number;
  /** Milliseconds until a line without an answer is unknown. Default: that of the kernel. */
  readonly deadlineMs?: number;
  /** Read no further lines after a line without an answer. */
  readonly stopsAtUnknown?: boolean;
  readonly onLine: (outcome: LineOutcome) => void;
};

type Input = Readonly<Record<string, unknown>>;
type NoAnswer = { readonly outcome: 'no_answer'; readonly code: string; readonly message: string };

/** Raises each valid line and reports each invalid line. Lines of one user keep their order. */
export async function raiseLines(
  kernel: Pick<Kernel, 'raiseAll'>,
  source: AsyncIterable<Uint8Array>,
  { concurrency, deadlineMs, stopsAtUnknown = false, onLine }: RaiseLinesOptions,
): Promise<RaiseSummary> {
  const errors: LineError[] = [];
  const unknownLines: number[] = [];
  const summary: RaiseSummary = {
    read: 0,
    raised: 0,
    duplicates: 0,
    rejected: 0,
    unknown: 0,
    unknownLines,
    errors,
    errorsTruncated: false,
  };
  // The numbers of the lines that wait for a result. Results come in the order of the inputs.
  const lines: number[] = [];
  const list = (line: number, code: string, message: string): void => {
    if (errors.length < MAX_LISTED_ERRORS) errors.push({ line, code, message });
    else summary.errorsTruncated = true;
    onLine({ kind: 'error', line, code, message });
  };
  const fail = (line: number, code: string, message: string): void => {
    summary.rejected += 1;
    list(line, code, message);
  };
  async function* inputs(): AsyncGenerator<Input, void, undefined> {
    for await (const page of readLines(source)) {
      for (const item of page) {
        if (stopsAtUnknown && summary.unknown > 0) return;
        summary.read += 1;
        if (item.kind === 'fault') {
          fail(item.line, item.code, item.message);
          continue;
        }
        const input = fromRaiseLine(item.value);
        if (!input.ok) {
          fail(item.line, input.error.code, input.error.message);
          continue;
        }
        lines.push(item.line);
        yield input.value;
      }
    }
  }
  const call = { actor: 'cli', ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  // The store may be away: a line without an answer is reported, and the other lines still get theirs.
  const unanswered = ({ code, message }: TocsinError): NoAnswer => {
    return { outcome: 'no_answer', code, message };
  };
  for await (const result of kernel.raiseAll(inputs(), { ...call, concurrency, unanswered })) {
    const line = lines.shift() ?? 0;
    if (result.outcome === 'raised') summary.raised += 1;
    else if (result.outcome === 'duplicate') summary.duplicates += 1;
    else if (result.outcome === 'unknown' || result.outcome === 'no_answer') {
      summary.unknown += 1;
      unknownLines.push(line);
      list(line, 'code' in result ? result.code : result.outcome, result.message);
      continue;
    } else {
      fail(line, ...failureOf(result));
      continue;
    }
    onLine({ kind: 'result', line, result });
  }
  errors.sort((a, b) => a.line - b.line);
  return summary;
}

type Failed = Exclude<RaiseResult, { readonly duplicate: boolean } | { outcome: 'unknown' }>;

function failureOf(result: Failed): [code: string, message: string] {
  if (result.outcome !== 'rejected') return [result.outcome, result.message];
  const { issues, message, code } = result;
  if (issues.length === 0) return [code, message];
  const shown = toContractFields(rejectionWith('invalid_field', issues));
  return [code, shown.message];
}

/** Stops reading when the signal is aborted; lines that were read are still raised. */
export async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    if (signal.aborted) return;
    yield chunk;
  }
}
