// The links to nodes, one to each endpoint, shared by all that use it.
import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http2';
import { isLoopback } from '../../http/server/address.ts';
import type { CallError } from './call-error.ts';
import type { ServiceDefinitions } from './client.ts';
import { dial } from './dial.ts';
import { endpointName, type Endpoint } from './endpoint.ts';
import { nodeUnreachable } from './failures.ts';
import { Link, type LinkOptions } from './link.ts';
import type { StoreSettings } from './settings.ts';

/** TCP, TLS and HTTP/2 together; a node that needs longer counts as frozen. */
const DIAL_MS = 5_000;

export class Links {
  readonly #settings: StoreSettings;
  readonly #options: Omit<LinkOptions, 'headers'>;
  readonly #headers: (endpoint: Endpoint) => OutgoingHttpHeaders;
  readonly #closing = new AbortController();
  /** Links and dials by the name of their endpoint. */
  readonly #links = new Map<string, Promise<Link>>();

  /** @param onFailure called when a call of a link failed, other than by `cancel` */
  constructor(
    settings: StoreSettings,
    definitions: ServiceDefinitions,
    onFailure: (link: Link, error: CallError) => void,
  ) {
    this.#settings = settings;
    const { keepAliveInterval, keepAliveTimeout } = settings;
    this.#headers = headersOf(settings);
    this.#options = {
      definitions,
      keepAliveInterval,
      keepAliveTimeout,
      onFailure,
    };
  }

  /**
   * The link to an endpoint, or a new one. A dial does not keep the process alive.
   *
   * @throws TocsinError `unavailable`
   */
  to(endpoint: Endpoint): Promise<Link> {
    const name = endpointName(endpoint);
    const known = this.#links.get(name);
    if (known !== undefined) return known;
    const dialed = this.#dial(endpoint);
    this.#links.set(name, dialed);
    whileUsable(dialed, () => {
      if (this.#links.get(name) === dialed) this.#links.delete(name);
    });
    return dialed;
  }

  /** Ends all calls, dials and links with the reason. */
  close(reason: Error): void {
    this.#closing.abort(reason);
    for (const link of this.#links.values()) {
      link.then(
        (open) => {
          open.close(reason);
        },
        () => undefined,
      );
    }
  }

  async #dial(endpoint: Endpoint): Promise<Link> {
    const slow = new AbortController();
    const timer = setTimeout(() => {
      slow.abort(new Error(`no connection within ${DIAL_MS} ms`));
    }, DIAL_MS);
    timer.unref();
    const signal = AbortSignal.any([slow.signal, this.#closing.signal]);
    try {
      const session = await dial(endpoint, this.#settings.tls, signal);
      return new Link(endpoint, session, {
        ...this.#options,
        headers: this.#headers(endpoint),
      });
    } catch (error) {
      this.#closing.signal.throwIfAborted();
      throw nodeUnreachable(endpoint, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Calls `forget` once new calls belong on another link, or the link could not be made. */
export function whileUsable(link: Promise<Link>, forget: () => void): void {
  link.then(({ retired }) => {
    if (retired.aborted) forget();
    retired.addEventListener('abort', forget, { once: true });
  }, forget);
}

/** Credentials are sent over TLS, and in clear text only within this machine: `tocsin start` has a token for its store. */
function headersOf({
  connectionName,
  tls,
  credentials,
}: StoreSettings): (endpoint: Endpoint) => OutgoingHttpHeaders {
  const name = connectionName ?? randomUUID();
  const headers = {
    'user-agent': 'tocsin',
    // HTTP headers are ASCII.
    'connection-name': name.replace(/[^\x20-\x7e]/gu, encodeURIComponent),
  };
  if (credentials === undefined) return () => headers;
  const { username, password } = credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const authorized = { ...headers, authorization };
  return ({ address }) => (tls !== undefined || isLoopback(address) ? authorized : headers);
}
