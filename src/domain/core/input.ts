// The parts that schemas of input from outside share, and the issues of input that fails its schema.
import { z } from 'zod';
import { MAX_INSTANT, parseInstant, type Instant } from './instants.ts';
import { err, ok, type Result } from './result.ts';
import { printable } from './text.ts';

/** One thing wrong with one field. */
export type Issue = { readonly field: string; readonly message: string };

/** Why a command was refused: a stable code, and texts that never quote a value. */
export type RejectionOf<C extends string> = {
  readonly code: C;
  readonly message: string;
  readonly issues: readonly Issue[];
};

export function rejectionWith<C extends string>(code: C, issues: readonly Issue[]): RejectionOf<C> {
  return { code, message: messageOf(issues), issues };
}

export function rejection<C extends string>(
  code: C,
  field: string,
  message: string,
): RejectionOf<C> {
  return rejectionWith(code, [{ field, message }]);
}

/** An instant as a client gives it. */
export const InstantInput = z
  .union([z.string(), z.date()], { error: 'must be RFC 3339 text with an offset, or a Date' })
  .transform((value, context): Instant => {
    const instant =
      typeof value === 'string' ? parseInstant(value) : dateToInstant(value.getTime());
    if (instant.ok) return instant.value;
    context.issues.push({ code: 'custom', input: value, message: instant.error });
    return z.NEVER;
  });

function dateToInstant(time: number): Result<Instant, string> {
  return Number.isInteger(time) && time >= 0 && time <= MAX_INSTANT
    ? ok(time)
    : err('is outside the years 1970 to 9999');
}

/** Fields and reasons of a failed parse of `input`; values are never quoted. */
export function issuesOf(
  error: z.ZodError,
  options: { readonly input?: unknown; readonly whole?: string; readonly unknown?: string } = {},
): readonly Issue[] {
  const { input, whole = 'request', unknown = 'is not a known field' } = options;
  return error.issues.flatMap((issue): readonly Issue[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ field: printable(key), message: unknown }));
    }
    const field = issue.path.map((key) => printable(String(key))).join('.');
    if (field === '') return [{ field: whole, message: issue.message }];
    return [{ field, message: isAbsent(input, issue.path) ? 'is required' : issue.message }];
  });
}

/** All issues on one line: `userId is required; source must be …`. */
export function messageOf(issues: readonly Issue[]): string {
  return issues.map(({ field, message }) => `${field} ${message}`).join('; ');
}

/** A field of the input itself; a part of a field is named by its own message. */
function isAbsent(input: unknown, path: readonly PropertyKey[]): boolean {
  const [field = '', ...inside] = path;
  return inside.length === 0 && typeof input === 'object' && input !== null && !(field in input);
}
