// The error class of the product. It is thrown for misuse and outages only: expected outcomes (a duplicate,
// a conflict, a refused field) are values.

/**
 * The kind of an error. The command line maps each kind to one exit code, shown in brackets.
 *
 * - `usage`: wrong arguments or configuration (2)
 * - `unavailable`: a dependency cannot be reached (3)
 * - `refused`: to continue could lose, double or misattribute notifications (4)
 * - `internal`: a bug in Tocsin (5)
 */
export type ErrorKind = 'usage' | 'unavailable' | 'refused' | 'internal';

/**
 * Thrown for misuse and outages.
 *
 * `code` is stable and made for programs, `message` says what happened, `hint` says what to do. None of
 * them holds a secret.
 */
export class TocsinError extends Error {
  override readonly name = 'TocsinError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    options: { readonly hint: string; readonly cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.hint = options.hint;
  }
}
