// Looks up the channel of a user with its secrets, for an attempt.
import { channelStream } from '../../domain/channel/stream.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';
import type { ChannelLookup, ChannelTarget } from '../../domain/ports/sender.ts';
import type { ConfiguredChannel } from '../../domain/channel/state.ts';
import { getSecrets, type ChannelSecrets } from './secrets.ts';
import { channelDecider, type ChannelContext } from './channel-decider.ts';

/** Reads log and vault each time, so that a channel that was just disabled is not called. */
export function lookupOf({
  store,
  kernel,
  vault,
}: Pick<ChannelContext, 'store' | 'kernel'> & { readonly vault: SecretVault }): ChannelLookup {
  return async (userId, channel) => {
    const stream = channelStream(kernel, userId, channel);
    const { current } = (await channelDecider.load(store, stream)).state;
    if (current === undefined) return { kind: 'closed', reason: 'no_channel' };
    if (!current.enabled) return { kind: 'closed', reason: 'channel_disabled' };
    const secrets = await getSecrets(vault, userId, current.ref);
    // The secrets are shredded, and the removal is about to be recorded.
    if (secrets === undefined) return { kind: 'closed', reason: 'no_channel' };
    return { kind: 'open', target: targetOf(current, secrets) };
  };
}

export function targetOf(
  { channel, kind, version }: ConfiguredChannel,
  { url, bearerToken, secret }: ChannelSecrets,
): ChannelTarget {
  return { channel, kind, version, url, bearerToken, secret };
}
