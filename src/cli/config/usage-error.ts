// The error of a wrong call or setting.
import { TocsinError } from '../../domain/core/errors.ts';

export function usageError(
  code: string,
  message: string,
  hint: string,
  cause?: unknown,
): TocsinError {
  return new TocsinError('usage', code, message, { hint, cause });
}
