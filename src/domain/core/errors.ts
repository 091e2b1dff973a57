// The one error class of the product. It is thrown for misuse and outages only: what a caller has
// to expect in normal work (a duplicate, a conflict, a refused field) is a value.

/**
 * What kind of trouble it is. The command line maps each to one exit code (design section 10).
 *
 * - `usage`: wrong arguments or configuration (2)
 * - `unavailable`: a dependency cannot be reached (3)
 * - `refused`: going on could lose, double or misattribute notifications (4)
 * - `internal`: a bug of ours (5)
 */
export type ErrorKind = 'usage' | 'unavailable' | 'refused' | 'internal';

/**
 * Thrown for misuse and outages.
 *
 * `code` is stable and made for programs, `message` says what happened, `hint` says what to do.
 * None of them ever holds a secret.
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
