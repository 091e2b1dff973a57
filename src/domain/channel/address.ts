// Reads and masks the address of a channel. Host and path decide its kind, not the user. The address of a
// webhook is a secret: it allows anyone to send messages there.
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
  if (url.username !== '' || url.password !== '') return err('must not have a user or a password');
  if (url.hash !== '' || trimmed.includes('#')) return err('must not have a fragment');
  const isLocal = rules.privateTargets || url.origin === rules.standIn;
  if (url.protocol !== 'https:' && !(isLocal && url.protocol === 'http:')) {
    return err('must begin with https://');
  }
  return channel === 'feishu' ? feishuAddress(url, rules) : webhookAddress(url, isLocal, rules);
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

/** The first and last four characters; `****` for a text of at most eight. */
export function maskMiddle(text: string): string {
  const letters = Array.from(text);
  if (letters.length === 0) return '';
  if (letters.length <= 8) return '****';
  return `${letters.slice(0, 4).join('')}...${letters.slice(-4).join('')}`;
}

/** An address that may be shown and stored: its key is masked, and its query removed. */
export function maskAddress({ url, kind }: Address): string {
  const { protocol, host, pathname } = new URL(url);
  const parts = pathname.split('/');
  const key = maskMiddle(parts.at(-1) ?? '');
  // For a generic webhook, every part of the path may be secret.
  const before = kind === 'webhook' ? (parts.length > 2 ? '/…' : '') : parts.slice(0, -1).join('/');
  return `${protocol}//${host}${before}/${key}`;
}
