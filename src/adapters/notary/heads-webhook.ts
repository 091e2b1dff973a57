// Tree heads by HTTP POST, as JSON.
import { TocsinError } from '../../domain/core/errors.ts';
import type { HeadOutput } from '../../projections/notary/notary.ts';

const TIMEOUT_MS = 10_000;

/**
 * Posts each head to a URL of the operator's; any 2xx answer is an acknowledgement. It may post one again.
 * @throws TocsinError `usage` for what is no http or https URL
 */
export function headsWebhook(address: string): HeadOutput {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TocsinError('usage', 'invalid_heads_webhook', 'the address is no http or https URL', {
      hint: 'Use --heads-webhook https://HOST/PATH.',
    });
  }
  // A path or query may hold a secret.
  const name = `webhook ${url.origin}`;
  return {
    name,
    async give(head, _leaves, signal) {
      const answer = await post(url, JSON.stringify(head), signal).catch((cause: unknown) => {
        throw away(name, 'it does not answer', cause);
      });
      await answer.body?.cancel();
      if (!answer.ok) throw away(name, `it answers ${answer.status}`);
    },
  };
}

function post(url: URL, body: string, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    redirect: 'error',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
}

function away(name: string, why: string, cause?: unknown): TocsinError {
  return new TocsinError('unavailable', 'heads_webhook_away', `${name}: ${why}`, {
    hint: 'The head is kept, and is given when the webhook answers.',
    cause,
  });
}
