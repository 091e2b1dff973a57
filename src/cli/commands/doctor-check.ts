// One line of `tocsin doctor`.
import { TocsinError } from '../../domain/core/errors.ts';

export type Check = {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** The code of the error. */
  readonly code?: string;
  readonly hint?: string;
};

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

/** The check, or the error that it ends in. */
export async function checked(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    return failed(name, error);
  }
}

export function failed(name: string, error: unknown): Check {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TocsinError)) return { name, status: 'failed', detail };
  const { hint, code } = error;
  return { name, status: 'failed', detail, code, hint };
}
