import { oneLine } from '../../domain/core/text.ts';

/** An error's message as an event may store it. */
export function errorDetail(error: unknown): string | undefined {
  const message = oneLine(error instanceof Error ? error.message : String(error));
  return message === '' ? undefined : message;
}
