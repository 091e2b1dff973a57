// One line of `tocsin doctor`, and the time that each check has.
import { TocsinError } from '../../domain/core/errors.ts';

export type Check = {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** The code of the error. */
  readonly code?: string;
  readonly hint?: string;
};

/** Runs a check. Its error, or its silence, is a check that failed. */
export type Checked = (name: string, check: () => Check | Promise<Check>) => Promise<Check>;

/** Runs a check for as long as it takes. */
export const checked: Checked = async (name, check) => {
  try {
    return await check();
  } catch (error) {
    return failed(name, error);
  }
};

/** The share of the whole time that one check may take. */
const SHARE = 1 / 3;

/** Checks that end before a time is over, whatever hangs. `limitMs` is what one of them has. */
export function checksWithin(timeoutMs: number): {
  readonly checked: Checked;
  readonly limitMs: number;
  /** True when a check was left, whose connections may keep the process alive. */
  readonly hasLeft: () => boolean;
} {
  const end = performance.now() + timeoutMs;
  const limitMs = timeoutMs * SHARE;
  let left = false;
  const limited: Checked = async (name, check) => {
    const ms = Math.max(0, Math.min(limitMs, end - performance.now()));
    const { promise: silence, resolve } = Promise.withResolvers<Check>();
    const timer = setTimeout(() => {
      left = true;
      resolve(timedOut(name, ms));
    }, ms);
    const answer = await Promise.race([checked(name, check), silence]);
    clearTimeout(timer);
    return answer;
  };
  return { checked: limited, limitMs, hasLeft: () => left };
}

function timedOut(name: string, ms: number): Check {
  const detail = `no answer within ${Math.round(ms / 1_000)} seconds`;
  const hint =
    'What this check asks takes connections and does not answer: look at that process, its disk and the network. ' +
    'A slow one needs more time: --timeout SECONDS.';
  return { name, status: 'failed', detail, code: 'check_timeout', hint };
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

export function warning(name: string, code: string, detail: string, hint: string): Check {
  return { name, status: 'warning', code, detail, hint };
}

export function fault(name: string, code: string, detail: string, hint: string): Check {
  return { name, status: 'failed', code, detail, hint };
}

export function failed(name: string, error: unknown): Check {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TocsinError)) return { name, status: 'failed', detail };
  const { hint, code } = error;
  return { name, status: 'failed', detail, code, hint };
}
