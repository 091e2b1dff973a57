// The view of a channel for its owner, without secrets, and the results of commands on channels.
import type { ChannelKey, ChannelRejection } from '../../domain/channel/commands.ts';
import type { ChannelState } from '../../domain/channel/state.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import type { ChannelKind } from '../../domain/channel/address.ts';

/** A channel without its secrets; `configured: false` for a channel that is not configured. */
export type ChannelView = ChannelKey &
  (
    | { readonly configured: false }
    | {
        readonly configured: true;
        readonly version: number;
        readonly kind: ChannelKind;
        readonly enabled: boolean;
        /** Why the channel is disabled: `by_owner`, or the code of the provider. */
        readonly disabledBy?: string | undefined;
        /** The provider's code of a problem that the owner has to solve. */
        readonly attention?: string | undefined;
        /** The address with its key masked. */
        readonly urlMask: string;
        readonly fingerprint: string;
        readonly hasBearerToken: boolean;
        readonly hasSecret: boolean;
        readonly lastTest?:
          | {
              readonly at: string;
              readonly status: 'success' | 'failed';
              readonly code: string;
              readonly detail?: string | undefined;
            }
          | undefined;
      }
  );

export function channelView(key: ChannelKey, { current }: ChannelState): ChannelView {
  const { userId, channel } = key;
  if (current === undefined) return { userId, channel, configured: false };
  const { version, kind, enabled, disabledBy, attention, mask, lastTest } = current;
  const { fingerprint, hasBearerToken, hasSecret } = current;
  return {
    userId,
    channel,
    configured: true,
    version,
    kind,
    enabled,
    disabledBy,
    attention,
    urlMask: mask,
    fingerprint,
    hasBearerToken,
    hasSecret,
    lastTest: lastTest && {
      at: formatInstant(lastTest.testedAt),
      status: lastTest.succeeded ? 'success' : 'failed',
      code: lastTest.code,
      detail: lastTest.detail,
    },
  };
}

/** The command was refused; nothing was written. */
export type ChannelRejected = { readonly outcome: 'rejected' } & ChannelRejection;

/** `unchanged`: the channel was in this state already; nothing was written. */
export type ChannelResult = ChannelChanged | ChannelRejected;
type ChannelChanged = {
  readonly outcome: 'changed' | 'unchanged';
  readonly channel: ChannelView;
};

/** As {@link ChannelResult}. A generated signing secret of a generic webhook is returned only here. */
export type PutChannelResult =
  (ChannelChanged & { readonly generatedSecret?: string | undefined }) | ChannelRejected;

/** The result of a test message; the channel keeps it as its last test. */
export type TestChannelResult =
  | {
      readonly outcome: 'tested';
      readonly status: 'success' | 'failed';
      /** The outcome of the sender, such as `accepted` or `permanent`; `skipped` without a sender or secrets. */
      readonly answer: string;
      readonly code: string;
      readonly detail?: string | undefined;
      readonly channel: ChannelView;
    }
  | ChannelRejected;
