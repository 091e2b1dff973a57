// The sender: one attempt at one channel of any kind, from its address to what became of it. Nothing
// that it returns or logs holds a secret.
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
import { outcomeOfFeishu } from './feishu-answers.ts';
import { DEFAULT_LIMITS, post, type Posted, type PostLimits } from './webhook-post.ts';
import { compose } from './requests.ts';
import { resolveTarget, systemResolve, type Resolve, type Unresolved } from './resolve.ts';
import { outcomeOfStatus } from './statuses.ts';

export type ChannelSenderOptions = {
  /** Which addresses are called; looked at before every attempt. Default: public ones, by https. */
  readonly addresses?: AddressRules;
  readonly limits?: Partial<PostLimits>;
  /** Default: the system's. */
  readonly resolve?: Resolve;
  readonly now?: () => Instant;
  /** Told of addresses that were refused because they lead inside. */
  readonly logger?: Logger;
};

/** Makes the sender for Feishu and Lark webhooks and for generic ones. */
export function channelSender(options: ChannelSenderOptions = {}): Sender {
  const { addresses = STRICT_RULES, resolve = systemResolve, now = Date.now } = options;
  const { logger = silentLogger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return async (notice, target, signal) => {
    const address = readAddress(target.url, target.channel, addresses);
    if (!address.ok || address.value.kind !== target.kind) {
      const detail = address.ok ? 'is of another kind than it was' : address.error;
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
        const { userId } = notice;
        const { channel, version } = target;
        const about = { event: 'ssrf_blocked', userId, channel, version };
        logger.warn(about, 'security: a channel’s address leads to where it must not');
      }
      return unresolved(found.error);
    }
    const request = compose(notice, target, now());
    const posted = await post({ ...request, url, address: found.value, limits, signal });
    return outcomeOf(posted, notice, target, now());
  };
}

function outcomeOf(
  posted: Posted,
  notice: OutgoingMessage,
  target: ChannelTarget,
  now: Instant,
): SendOutcome {
  switch (posted.kind) {
    case 'unsent':
      return { outcome: 'transient', code: posted.code, detail: 'no connection was made' };
    case 'tls':
      return {
        outcome: 'permanent',
        code: posted.code,
        detail: 'the receiver’s certificate is not valid for its name',
      };
    case 'unanswered':
      return { outcome: 'unknown', code: posted.code, detail: 'it was sent, and no answer came' };
    case 'answer':
      break;
  }
  if (target.kind === 'webhook') {
    // What an unknown receiver answers is shown to nobody: it could be read from inside through us.
    if (posted.status < 200 || posted.status >= 300) return outcomeOfStatus(posted, now);
    return { outcome: 'accepted', code: `http_${posted.status}` };
  }
  const say = (text: string): string =>
    redactText(withoutSecretsOf(text, target)).slice(0, MAX_DETAIL);
  return outcomeOfFeishu(posted, { attempt: notice.attempt, now, say });
}

const UNRESOLVED: Readonly<Record<Unresolved, SendOutcome>> = {
  ssrf_blocked: {
    outcome: 'permanent',
    code: 'ssrf_blocked',
    detail: 'the address is not one of the open internet',
    channel: 'needs_attention',
  },
  dns_not_found: {
    outcome: 'permanent',
    code: 'dns_not_found',
    detail: 'the receiver’s name does not exist',
    channel: 'needs_attention',
  },
  dns_failed: {
    outcome: 'transient',
    code: 'dns_failed',
    detail: 'the receiver’s name could not be looked up',
  },
};

function unresolved(why: Unresolved): SendOutcome {
  return UNRESOLVED[why];
}
