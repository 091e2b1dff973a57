// Raises the lines of a file, of stdin or of the terminal of a running `start`.
import type { Kernel } from '../../kernel/open-kernel.ts';
import type { RaiseResult } from '../../kernel/raise/raise-result.ts';
import { readLines } from '../../adapters/ndjson/lines.ts';
import { fromRaiseLine, toContractFields } from '../../domain/contracts/mapping.ts';
import { rejectionWith } from '../../domain/core/input.ts';

export const MAX_LISTED_ERRORS = 1000;

export type LineError = { readonly line: number; readonly code: string; readonly message: string };

/** The result for all lines of a file; its keys are the JSON of the command. */
export type RaiseSummary = {
  read: number;
  raised: number;
  duplicates: number;
  rejected: number;
  errors: LineError[];
  errorsTruncated: boolean;
};

export type LineOutcome = { readonly line: number } & (
  | { readonly kind: 'result'; readonly result: RaiseResult }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
);

/** Raises each valid line and reports each invalid line. Lines of one user keep their order. */
export async function raiseLines(
  kernel: Kernel,
  source: AsyncIterable<Uint8Array>,
  concurrency: number,
  onLine: (outcome: LineOutcome) => void,
): Promise<RaiseSummary> {
  const errors: LineError[] = [];
  const summary: RaiseSummary = {
    read: 0,
    raised: 0,
    duplicates: 0,
    rejected: 0,
    errors,
    errorsTruncated: false,
  };
  // The numbers of the lines that wait for a result. Results come in the order of the inputs.
  const lines: number[] = [];
  const fail = (line: number, code: string, message: string): void => {
    summary.rejected += 1;
    if (errors.length < MAX_LISTED_ERRORS) errors.push({ line, code, message });
    else summary.errorsTruncated = true;
    onLine({ kind: 'error', line, code, message });
  };
  async function* inputs(): AsyncGenerator<unknown, void, undefined> {
    for await (const page of readLines(source)) {
      for (const item of page) {
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
  for await (const result of kernel.raiseAll(inputs(), { concurrency, actor: 'cli' })) {
    const line = lines.shift() ?? 0;
    if (result.outcome === 'raised') summary.raised += 1;
    else if (result.outcome === 'duplicate') summary.duplicates += 1;
    else {
      fail(line, ...failureOf(result));
      continue;
    }
    onLine({ kind: 'result', line, result });
  }
  errors.sort((a, b) => a.line - b.line);
  return summary;
}

type Failed = Exclude<RaiseResult, { readonly duplicate: boolean }>;

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
