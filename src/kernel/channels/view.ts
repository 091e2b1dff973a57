// A channel as its owner may see it: never with a secret.
import type { ChannelKey } from '../../domain/channel/commands.ts';
import type { ChannelState } from '../../domain/channel/state.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import type { ChannelKind } from '../../domain/channel/address.ts';

/** A channel without its secrets; `configured: false` where there is none. */
export type ChannelView = ChannelKey &
  (
    | { readonly configured: false }
    | {
        readonly configured: true;
        readonly version: number;
        readonly kind: ChannelKind;
        readonly enabled: boolean;
        /** Why it is switched off: `by_owner`, or the code of what the provider answered. */
        readonly disabledBy?: string | undefined;
        /** The code of what the provider wants its owner to look at. */
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
