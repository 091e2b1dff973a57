// The built-in sender: checks the address, makes one HTTP call, and reads the outcome, which contains no secret.
import { readAddress, STRICT_RULES, type AddressRules } from '../../domain/channel/address.ts';
import { withoutSecretsOf } from '../../domain/channel/without-secrets.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { err } from '../../domain/core/result.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import { MAX_DETAIL } from '../../domain/delivery/events.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type {
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../domain/ports/sender.ts';
import { redactText } from '../logging/redact.ts';
import { outcomeOfFeishu, outcomeOfStatus } from './answers.ts';
import { DEFAULT_LIMITS, post, type Posted, type PostLimits } from './webhook-post.ts';
import { compose } from './requests.ts';
import { resolveTarget, systemResolve, type Resolve, type Unresolved } from './resolve.ts';

export type ChannelSenderOptions = {
  /** The allowed addresses, checked before every attempt. Default: public addresses by https. */
  readonly addresses?: AddressRules;
  readonly limits?: Partial<PostLimits>;
  /** Default: the system resolver. */
  readonly resolve?: Resolve;
  readonly now?: () => Instant;
  /** Certificates that are trusted besides those of Node, as PEM: for receivers with a certificate of your own. */
  readonly ca?: string;
  /** Logs addresses that were refused because they are not public. */
  readonly logger?: Logger;
};

/** Makes the sender for Feishu and Lark webhooks and for generic ones. */
export function channelSender(options: ChannelSenderOptions = {}): Sender {
  const { addresses = STRICT_RULES, resolve = systemResolve, now = Date.now } = options;
  const { logger = silentLogger, ca } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return async (message, target, signal) => {
    const address = readAddress(target.url, target.channel, addresses);
    if (!address.ok || address.value.kind !== target.kind) {
      const detail = address.ok ? 'is of another kind than when it was configured' : address.error;
      return { outcome: 'permanent', code: 'invalid_url', detail: `the address ${detail}` };
    }
    const url = new URL(address.value.url);
    const privateTargets = addresses.privateTargets || url.origin === addresses.standIn;
    const found = await unlessAborted(
      resolveTarget(url.hostname, { resolve, privateTargets }),
      AbortSignal.any([signal, AbortSignal.timeout(limits.connectMs)]),
      () => err<Unresolved>('dns_failed'),
    );
    if (!found.ok) {
      if (found.error === 'ssrf_blocked') {
        const { userId } = message;
        const { channel, version } = target;
        const about = { event: 'ssrf_blocked', userId, channel, version };
        logger.warn(about, 'security: the address of a channel is not public and was not called');
      }
      return UNRESOLVED[found.error];
    }
    const request = compose(message, target, now());
    const posted = await post({ ...request, url, addresses: found.value, limits, signal, ca });
    return outcomeOf(posted, message, target, now());
  };
}

function outcomeOf(
  posted: Posted,
  message: OutgoingMessage,
  target: ChannelTarget,
  now: Instant,
): SendOutcome {
  if (posted.kind !== 'answer') return { ...UNANSWERED[posted.kind], code: posted.code };
  if (target.kind === 'webhook') {
    // The body of an unknown receiver is shown to nobody: it could be the content of an internal server.
    if (posted.status < 200 || posted.status >= 300) return outcomeOfStatus(posted, now);
    return { outcome: 'accepted', code: `http_${posted.status}` };
  }
  const clean = (text: string): string =>
    redactText(withoutSecretsOf(text, target)).slice(0, MAX_DETAIL);
  return outcomeOfFeishu(posted, { attempt: message.attempt, now, clean });
}

const UNANSWERED = {
  unsent: { outcome: 'transient', detail: 'no connection was made' },
  tls: {
    outcome: 'permanent',
    detail: 'the certificate of the receiver is not valid for its name',
  },
  no_tls: {
    outcome: 'transient',
    detail: 'the receiver speaks no TLS, or no version and protocol that are offered',
  },
  unanswered: { outcome: 'unknown', detail: 'the request was sent, and no answer came' },
} as const;
const UNRESOLVED: Readonly<Record<Unresolved, SendOutcome>> = {
  ssrf_blocked: {
    outcome: 'permanent',
    code: 'ssrf_blocked',
    detail: 'the address is not public',
    channel: 'needs_attention',
  },
  dns_not_found: {
    outcome: 'permanent',
    code: 'dns_not_found',
    detail: 'the name of the receiver does not exist',
    channel: 'needs_attention',
  },
  dns_failed: {
    outcome: 'transient',
    code: 'dns_failed',
    detail: 'the name of the receiver could not be resolved',
  },
};
