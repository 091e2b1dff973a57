// The channels of a kernel. Closing the kernel waits for their calls too. Without a vault every call is refused.
import { randomBytes } from 'node:crypto';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { createChannels, type Channels, type ChannelsOptions } from './channels.ts';
import type { ChannelContext } from './channel-decider.ts';

/** Counts a call, so that closing the kernel waits for it. */
type Track = <T>(work: () => Promise<T>) => Promise<T>;

export function channelsOf(
  context: ChannelContext & { readonly texts: Texts },
  { vault, send, addresses }: Partial<Pick<ChannelsOptions, 'vault' | 'send' | 'addresses'>>,
  track: Track,
): Channels {
  const channels = vault && createChannels({ ...context, vault, send, addresses, newSecret });
  const using = <T>(work: (channels: Channels) => Promise<T>): Promise<T> =>
    track(() => (channels === undefined ? Promise.reject(noVault()) : work(channels)));
  return {
    put: (input, call) => using((own) => own.put(input, call)),
    get: (key) => using((own) => own.get(key)),
    list: (userId) => using((own) => own.list(userId)),
    enable: (key, call) => using((own) => own.enable(key, call)),
    disable: (key, call) => using((own) => own.disable(key, call)),
    remove: (key, call) => using((own) => own.remove(key, call)),
    test: (key, call) => using((own) => own.test(key, call)),
    lookup: (userId, channel) => using((own) => own.lookup(userId, channel)),
    report: (report) => using((own) => own.report(report)),
  };
}

/** A new signing secret of Standard Webhooks. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

function noVault(): TocsinError {
  return new TocsinError('usage', 'no_vault', 'channels need a vault', {
    hint: 'Open the kernel with a vault, such as sqliteVault. For the command line, see docs/channels.md.',
  });
}
