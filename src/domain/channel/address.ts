// Reads and masks the address of a channel. Host and path decide the kind of the channel, not the user. The address
// of a webhook is a secret: everybody who knows it can send messages there.
import { err, ok, type Result } from '../core/result.ts';
import type { ChannelTarget } from '../ports/sender.ts';

export type ChannelKind = ChannelTarget['kind'];

/** The channels whose addresses users configure in Tocsin; an embedder has others with a lookup of its own. */
export const ADDRESS_CHANNELS = ['feishu', 'webhook'] as const;

export type AddressChannel = (typeof ADDRESS_CHANNELS)[number];

export function isAddressChannel(channel: string): channel is AddressChannel {
  return channel === 'feishu' || channel === 'webhook';
}

/** The addresses that a deployment allows; users cannot change these rules. */
export type AddressRules = {
  /** Ports of generic webhooks besides 443. */
  readonly ports: readonly number[];
  /** For development: `http`, any port, and targets that are not public. */
  readonly privateTargets: boolean;
  /** For development: an origin that stands in for Feishu, such as `http://127.0.0.1:7070`. */
  readonly standIn?: string | undefined;
};

/** Only public addresses on port 443. */
export const STRICT_RULES: AddressRules = { ports: [], privateTargets: false };

export type Address = { readonly url: string; readonly kind: ChannelKind };

export const MAX_URL = 2048;

const TOKEN = '[A-Za-z0-9_-]{1,256}';
const FLOW_HOSTS = /^(?:www\.)?(?:feishu\.cn|larksuite\.com)$/;
const BASE_HOSTS = /^[a-z0-9-]{1,63}\.(?:feishu\.cn|larksuite\.com|larkoffice\.com)$/;
const FEISHU_HOSTS = /(?:^|\.)(?:feishu\.cn|larksuite\.com|larkoffice\.com)$/;

const FEISHU_KINDS = [
  {
    kind: 'feishu_bot',
    host: /^open\.(?:feishu\.cn|larksuite\.com)$/,
    path: new RegExp(`^/open-apis/bot/v2/hook/${TOKEN}$`),
  },
  {
    kind: 'feishu_flow',
    host: FLOW_HOSTS,
    path: new RegExp(`^/flow/api/trigger-webhook/${TOKEN}$`),
  },
  {
    kind: 'feishu_base',
    host: BASE_HOSTS,
    path: new RegExp(`^/base/automation/webhook/event/${TOKEN}$`),
  },
] as const;

/** Reads an address for a channel; the error never quotes the address. */
export function readAddress(
  text: string,
  channel: string,
  rules: AddressRules,
): Result<Address, string> {
  const trimmed = text.trim();
  if (trimmed.length > MAX_URL) return err(`is longer than ${MAX_URL} characters`);
  const url = URL.parse(trimmed);
  if (url === null) return err('is not a URL');
  // `host.` and `host` are one name; certificates and the rules below know it without the dot.
  url.hostname = url.hostname.replace(/\.$/, '');
  if (!isHostName(url.hostname)) return err('has a host name that no resolver accepts');
  if (url.username !== '' || url.password !== '') return err('must not have a user or a password');
  if (url.hash !== '' || trimmed.includes('#')) return err('must not have a fragment');
  const isLocal = rules.privateTargets || url.origin === rules.standIn;
  if (url.protocol !== 'https:' && !(isLocal && url.protocol === 'http:')) {
    return err('must begin with https://');
  }
  return channel === 'feishu' ? feishuAddress(url, rules) : webhookAddress(url, isLocal, rules);
}

/** Lengths by RFC 1035; an IPv6 address is in brackets. */
function isHostName(host: string): boolean {
  const labels = host.split('.').map(({ length }) => length);
  return host.startsWith('[') || (host.length <= 253 && labels.every((it) => it > 0 && it <= 63));
}

function feishuAddress(url: URL, { standIn }: AddressRules): Result<Address, string> {
  const isStandIn = url.origin === standIn;
  const found = FEISHU_KINDS.find(
    ({ host, path }) => (isStandIn || host.test(url.hostname)) && path.test(url.pathname),
  );
  if (found === undefined) {
    return err('is not a webhook of Feishu or Lark: a bot, a flow or an automation of a Base');
  }
  if (!isStandIn && url.port !== '') return err('must not have a port');
  if (url.search !== '') return err('must not have a query');
  return ok({ url: url.href, kind: found.kind });
}

function webhookAddress(
  url: URL,
  isLocal: boolean,
  { ports }: AddressRules,
): Result<Address, string> {
  if (FEISHU_HOSTS.test(url.hostname)) {
    return err('is of Feishu or Lark: configure it as the channel feishu');
  }
  const port = url.port === '' ? 443 : Number(url.port);
  if (!isLocal && port !== 443 && !ports.includes(port)) {
    return err(`must be on port ${[443, ...ports].join(' or ')}`);
  }
  return ok({ url: url.href, kind: 'webhook' });
}

/**
 * The first and last four characters, fewer of a short text, so that at most half of it is shown; `****` for a
 * text of at most eight.
 */
export function maskMiddle(text: string): string {
  const letters = Array.from(text);
  if (letters.length === 0) return '';
  if (letters.length <= 8) return '****';
  const shown = Math.min(4, Math.floor(letters.length / 4));
  return `${letters.slice(0, shown).join('')}...${letters.slice(-shown).join('')}`;
}

/** An address that may be shown and stored: its key is masked, and its query removed. */
export function maskAddress({ url, kind }: Address): string {
  const { protocol, host, hostname, port, pathname } = new URL(url);
  const parts = pathname.split('/');
  const key = maskMiddle(parts.at(-1) ?? '');
  if (kind !== 'webhook') return `${protocol}//${host}${parts.slice(0, -1).join('/')}/${key}`;
  // Every part of the path may be secret, and some services put the secret into the host name.
  const names = hostLabels(hostname).map(({ label, isSecret }) => (isSecret ? '…' : label));
  const shownPort = port === '' ? '' : `:${port}`;
  return `${protocol}//${names.join('.')}${shownPort}${parts.length > 2 ? '/…' : ''}/${key}`;
}

/** Such as `hooks` or `eu-west`; what has digits or is longer may be a secret. */
const PLAIN_LABEL = /^[a-z-]{1,8}$/;

/** The labels of a host name. Whoever owns the last two may have put a secret before them. */
export function hostLabels(hostname: string): { label: string; isSecret: boolean }[] {
  const isIp = hostname.startsWith('[') || /^[\d.]+$/.test(hostname);
  const labels = isIp ? [hostname] : hostname.split('.');
  return labels.map((label, at) => {
    const isSecret = at < labels.length - 2 && !PLAIN_LABEL.test(label);
    return { label, isSecret };
  });
}
