// What every form of the console must pass: the proof that a page of the same session sent it. Also the headers of all
// answers, and the addresses that lead back.
import { timingSafeEqual } from 'node:crypto';
import { bytesOf } from '../endpoint/body.ts';
import { isOwnOrigin, type OwnHost } from './own-hosts.ts';

/** A form has a few short fields. */
const MAX_FORM_BYTES = 32 * 1024;

export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** The fields of a form; `undefined` when another site may have sent it, or when it is none. */
export async function formOf(
  request: Request,
  own: readonly OwnHost[],
): Promise<URLSearchParams | undefined> {
  const { headers } = request;
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none') return undefined;
  const origin = headers.get('origin');
  if (origin !== null && origin !== 'null' && !isOwnOrigin(origin, request, own)) return undefined;
  if (!/^application\/x-www-form-urlencoded\b/i.test(headers.get('content-type') ?? '')) {
    return undefined;
  }
  const bytes = await bytesOf(request, MAX_FORM_BYTES);
  return typeof bytes === 'string'
    ? undefined
    : new URLSearchParams(new TextDecoder().decode(bytes));
}

export function isProven(form: URLSearchParams, csrf: string): boolean {
  const [given, wanted] = [Buffer.from(form.get('csrf') ?? ''), Buffer.from(csrf)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A path of the console to go back to; any other text leads to its first page. */
export function backTo(text: string | null, base: string): string {
  const first = base === '' ? '/' : base;
  // Read as a browser reads it: a backslash counts as a slash, and two dots lead up.
  const url = text === null || !text.startsWith('/') ? null : URL.parse(text, 'http://console');
  if (url === null || url.host !== 'console' || url.pathname.includes('//')) return first;
  const isOurs = url.pathname === base || url.pathname.startsWith(`${base}/`);
  return isOurs ? `${url.pathname}${url.search}` : first;
}
