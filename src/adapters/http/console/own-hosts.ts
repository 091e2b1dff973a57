// The host names that are ours. A page of another site can have its own name point at this machine, so only known names
// are answered. An address of digits cannot be pointed elsewhere.
import { isIP } from 'node:net';
import { TocsinError } from '../../../domain/core/errors.ts';

/** A name that a proxy answers to, and whether browsers reach it over TLS. */
export type OwnHost = { readonly name: string; readonly isSecure: boolean };

/** @throws TocsinError `usage` (`invalid_host`) for a text that is neither a name nor an origin */
export function parseOwnHost(text: string): OwnHost {
  const [, scheme = '', rest = ''] = /^(https?:\/\/)?([^/?#@\s]+)\/?$/i.exec(text.trim()) ?? [];
  const url = rest === '' ? null : URL.parse(`http://${rest}`);
  if (url !== null && url.hostname !== '') {
    return { name: url.hostname, isSecure: scheme.toLowerCase() === 'https://' };
  }
  const message = `${JSON.stringify(text)} is not the name of a host`;
  throw new TocsinError('usage', 'invalid_host', message, {
    hint: 'Use a name such as ops.example.com, or https://ops.example.com.',
  });
}

/** The name in a Host header. */
function hostName(host: string): string | undefined {
  return URL.parse(`http://${host}`)?.hostname;
}

/** What a request says of its own address: the Host header, never what a proxy adds to it. */
export function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

/** False for a name that is not known to be ours. */
export function isOwnHost(request: Request, own: readonly OwnHost[]): boolean {
  const name = hostName(hostOf(request));
  if (name === undefined) return false;
  if (name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
  return own.some((host) => host.name === name);
}

/**
 * True for an origin whose pages are ours: that of the request's host, or of one of our names, because a proxy may
 * rewrite the Host header. Behind a TLS proxy the schemes differ; the host is the same.
 */
export function isOwnOrigin(origin: string, request: Request, own: readonly OwnHost[]): boolean {
  const url = URL.parse(origin);
  if (url === null) return false;
  return url.host === hostOf(request) || own.some(({ name }) => name === url.hostname);
}

/** True when the browser that sent the request reaches us over TLS, as far as we know. */
export function isSecure(request: Request, own: readonly OwnHost[]): boolean {
  const origin = URL.parse(request.headers.get('origin') ?? '');
  if (new URL(request.url).protocol === 'https:') return true;
  const names = [hostName(hostOf(request)), origin?.hostname];
  return own.some(({ name, isSecure: isTls }) => isTls && names.includes(name));
}
