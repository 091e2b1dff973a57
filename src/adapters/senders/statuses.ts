// What an HTTP status means where the body says nothing, and what headers say about waiting.
import type { Instant } from '../../domain/core/instants.ts';
import type { SendOutcome } from '../../domain/ports/sender.ts';
import type { Posted } from './webhook-post.ts';

type Answer = Extract<Posted, { kind: 'answer' }>;

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
  if (status === 410) return { outcome: 'permanent', code: 'gone', detail, channel: 'disable' };
  return { outcome: 'permanent', code, detail };
}

/** The wait that an answer asks for, in milliseconds; `undefined` when it asks for none. */
export function retryAfter({ headers }: Answer, now: Instant): number | undefined {
  const reset = headers['x-ogw-ratelimit-reset'];
  if (reset !== undefined && /^\d{1,6}$/.test(reset)) return Number(reset) * 1000;
  const after = headers['retry-after']?.trim();
  if (after === undefined) return undefined;
  if (/^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const at = Date.parse(after);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
