// The outcome of an attempt, from the answer. Feishu and Lark send failures with HTTP 200 too; only `code` 0 is success.
import { z } from 'zod';
import type { Instant } from '../../domain/core/instants.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import type { SendOutcome } from '../../domain/ports/sender.ts';
import type { Posted } from './webhook-post.ts';

type Answer = Extract<Posted, { kind: 'answer' }>;

const Body = z.object({ code: z.int(), msg: z.string().optional() });

/** Attempts after which an unknown code becomes permanent. */
const MAX_UNKNOWN_ATTEMPTS = 3;

type Meaning = (
  context: Pick<Context, 'attempt' | 'now'> & { readonly msg: string },
) => 'throttled' | 'transient' | 'permanent' | 'disable' | 'needs_attention';

/** Every known code, of all kinds of channels. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  11232: () => 'throttled',
  11233: () => 'throttled',
  11247: () => 'throttled',
  // The code has two meanings.
  9499: ({ msg }) => (/too many request/i.test(msg) ? 'throttled' : 'permanent'),
  19001: () => 'disable',
  19002: () => 'permanent',
  // The clock or the secret is wrong: try once with a new signature, then the owner has to check.
  19021: ({ attempt }) => (attempt === 1 ? 'transient' : 'needs_attention'),
  19022: () => 'needs_attention',
  19024: () => 'needs_attention',
  2200: () => 'transient',
  800004509: () => 'needs_attention',
  800005649: () => 'needs_attention',
  800005650: () => 'needs_attention',
  800005647: () => 'permanent',
  800005646: () => 'permanent',
  800005652: () => 'throttled',
  800006003: () => 'permanent',
  99991400: () => 'throttled',
};

/** The wait, in milliseconds, after a limit without a time. */
const THROTTLE_MS = 60_000;
/** A longer wait just after each full and half hour, when many systems send. */
const PEAK_THROTTLE_MS = 150_000;
const HALF_HOUR_MS = 30 * 60_000;
const PEAK_MS = 90_000;

type Context = {
  readonly attempt: number;
  readonly now: Instant;
  /** Removes secrets from a text of the provider. */
  readonly clean: (text: string) => string;
};

export function outcomeOfFeishu(answer: Answer, context: Context): SendOutcome {
  const { attempt, now, clean } = context;
  const isSuccess = answer.status >= 200 && answer.status < 300;
  const body = parse(answer);
  if (body === undefined || (body.code === 0 && !isSuccess)) {
    if (!isSuccess) return outcomeOfStatus(answer, now);
    const detail = `HTTP ${answer.status} without a readable code`;
    return { outcome: 'suspect', code: 'unparsable', detail };
  }
  if (body.code === 0) return { outcome: 'accepted', code: '0' };
  const { msg = '' } = body;
  const code = `feishu_${String(body.code).replace('-', 'minus_')}`;
  const detail = clean(`HTTP ${answer.status}, code ${body.code}: ${msg}`);
  const retryAfterMs = retryAfter(answer, now);
  const meaning = (MEANINGS[body.code] ?? unknownCode)({ msg, attempt, now });
  switch (meaning) {
    case 'throttled': {
      const waitMs = retryAfterMs ?? defaultThrottleMs(now);
      return { outcome: meaning, code, detail, retryAfterMs: waitMs };
    }
    case 'transient':
      return { outcome: meaning, code, detail, retryAfterMs };
    case 'permanent':
      return { outcome: meaning, code, detail };
    case 'disable':
    case 'needs_attention':
      return { outcome: 'permanent', code, detail, channel: meaning };
  }
}

const unknownCode: Meaning = ({ attempt }) =>
  attempt < MAX_UNKNOWN_ATTEMPTS ? 'transient' : 'permanent';

function defaultThrottleMs(now: Instant): number {
  return now % HALF_HOUR_MS < PEAK_MS ? PEAK_THROTTLE_MS : THROTTLE_MS;
}

/** A body that was cut off is no JSON; one whose end alone is missing says all. */
function parse({ body }: Answer): z.output<typeof Body> | undefined {
  return Body.safeParse(tryParseJson(body)).data;
}

/** The outcome of a status other than 2xx. */
export function outcomeOfStatus(answer: Answer, now: Instant): SendOutcome {
  const { status } = answer;
  const retryAfterMs = retryAfter(answer, now);
  const detail = `HTTP ${status}`;
  const code = `http_${status}`;
  if (status === 429) return { outcome: 'throttled', code, detail, retryAfterMs };
  if (status === 408 || status === 425 || status >= 500) {
    return { outcome: 'transient', code, detail, retryAfterMs };
  }
  if (status >= 300 && status < 400) return { outcome: 'permanent', code: 'redirect', detail };
  if (status === 401 || status === 403) {
    return { outcome: 'permanent', code: 'auth', detail, channel: 'needs_attention' };
  }
  // While a receiver is replaced, whatever stands before it answers so for a while.
  const confirm = true;
  if (status === 404) return { outcome: 'permanent', code, detail, confirm };
  if (status === 410) {
    return { outcome: 'permanent', code: 'gone', detail, confirm, channel: 'disable' };
  }
  return { outcome: 'permanent', code, detail };
}

/** Seconds, or what some servers send in their place; never a sign, which `Date.parse` would take for a year. */
const SECONDS = /^\d+(?:\.\d+)?$/;

/** A year: more than anybody waits. */
const MAX_SECONDS = 31_536_000;

/** The three forms of RFC 9110, 5.6.7. */
const HTTP_DATE = /^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/;

/**
 * The wait that an answer asks for, in milliseconds; 0 for a time that is over. `undefined` where it asks for none
 * that can be read, as a negative number.
 */
export function retryAfter({ headers }: Answer, now: Instant): number | undefined {
  for (const name of ['x-ogw-ratelimit-reset', 'retry-after']) {
    const after = headers[name]?.trim() ?? '';
    if (SECONDS.test(after)) {
      return Math.ceil(Math.min(Number(after), MAX_SECONDS) * 1000);
    }
    // The oldest form names no zone; all are in UTC.
    const utc = after.endsWith('GMT') ? after : `${after} GMT`;
    const at = HTTP_DATE.test(after) ? Date.parse(utc) : Number.NaN;
    if (!Number.isNaN(at)) return Math.max(0, at - now);
  }
  return undefined;
}
