// The clock of a machine, by the `Date` header of an HTTP answer.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** PEM text. */
export type RemoteTls = {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
};

/** The header is cut to seconds. */
const HEADER_MS = 1_000;

/**
 * How far the clock of a server is ahead of this machine's, in milliseconds, and the width of the doubt about it; any
 * answer tells it, also a refusal. `undefined` when the answer has no date.
 *
 * @throws the error of the connection, and the signal's reason
 */
export function remoteClock(
  url: URL,
  tls: RemoteTls,
  signal: AbortSignal,
): Promise<{ readonly aheadMs: number; readonly withinMs: number } | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<
    { readonly aheadMs: number; readonly withinMs: number } | undefined
  >();
  const [sentAt, started] = [Date.now(), performance.now()];
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const sent = request(url, { method: 'GET', agent: false, signal, ...tls }, (response) => {
    const tookMs = performance.now() - started;
    const time = Date.parse(response.headers.date ?? '');
    response.destroy();
    if (Number.isNaN(time)) {
      resolve(undefined);
      return;
    }
    const aheadMs = time + HEADER_MS / 2 - (sentAt + tookMs / 2);
    resolve({ aheadMs, withinMs: tookMs + HEADER_MS });
  });
  sent.on('error', reject);
  sent.end();
  return promise;
}
