// The error of a wrong call or setting, and files that a user names.
import { readFileSync, writeFileSync } from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';

export function usageError(
  code: string,
  message: string,
  hint: string,
  cause?: unknown,
): TocsinError {
  return new TocsinError('usage', code, message, { hint, cause });
}

/** @throws TocsinError `usage` with this code and hint when the file cannot be read */
export function readTextFile(file: string, code: string, hint: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw usageError(code, `${file} cannot be read`, hint, cause);
  }
}

/** Writes a file for its owner only. @throws TocsinError `usage` when it cannot be written */
export function writeTextFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const hint = 'Check the path, and that this user may write there.';
    throw usageError('file_unusable', `${file}: ${detail}`, hint, cause);
  }
}
