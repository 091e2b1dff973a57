/** An expected outcome as a value: success or error. */
export type Result<T, E> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });

/** The value of a result that cannot be an error. */
export const valueOf = <T>(result: Result<T, never>): T =>
  result.ok ? result.value : result.error;

export const err = <E>(error: E): { readonly ok: false; readonly error: E } => ({
  ok: false,
  error,
});
