// The secrets of a channel in the vault: one record per version, under the reference in the event.
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { parseJson } from '../../domain/core/json.ts';
import { joinKey } from '../../domain/core/keys.ts';
import type { UserId } from '../../domain/core/identity.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';
import { isAddressChannel } from '../../domain/channel/address.ts';
import { channelStream } from '../../domain/channel/stream.ts';
import type { ChannelLookup, ChannelTarget } from '../../domain/ports/sender.ts';
import type { ConfiguredChannel } from '../../domain/channel/state.ts';
import { channelDecider, type ChannelContext } from './channel-decider.ts';

const Stored = z.object({
  url: z.string(),
  bearerToken: z.string().optional(),
  secret: z.string().optional(),
  storedAt: z.number().optional(),
});

export type ChannelSecrets = Omit<z.output<typeof Stored>, 'storedAt'>;

export function secretsPrefix(user: UserId): string {
  return `channel/${joinKey(user)}/`;
}

/** Much longer than a put takes, in milliseconds: the event of younger secrets may still come. */
const MIN_ORPHAN_AGE_MS = 10 * 60_000;

/** The secrets of a user's channels in a vault. */
export function secretsOf(vault: SecretVault, user: UserId) {
  const prefix = secretsPrefix(user);
  const read = async (name: string): Promise<z.output<typeof Stored> | undefined> => {
    const text = await vault.get(name);
    return text === undefined ? undefined : Stored.parse(parseJson(text));
  };
  return {
    async put(ref: string, secrets: ChannelSecrets, storedAt: Instant): Promise<void> {
      await vault.put(`${prefix}${ref}`, JSON.stringify({ ...secrets, storedAt }));
    },
    /** `undefined` when they are shredded. */
    async get(ref: string): Promise<ChannelSecrets | undefined> {
      const stored = await read(`${prefix}${ref}`);
      if (stored === undefined) return undefined;
      const { storedAt: _storedAt, ...secrets } = stored;
      return secrets;
    },
    shred: (ref: string): Promise<boolean> => vault.remove(`${prefix}${ref}`),
    /** Completes the deletion of an earlier call that failed after its event: no secret has this name. */
    finish: (): Promise<boolean> => vault.remove(prefix),
    /**
     * Shreds secrets that no event names, as a crash between vault and log leaves them. `namedNow` is called
     * after the vault was read, so secrets that it does not name are orphans or younger than a put takes.
     */
    async shredOrphans(now: Instant, namedNow: () => Promise<ReadonlySet<string>>): Promise<void> {
      const names = await vault.names(prefix);
      if (names.length === 0) return;
      const named = await namedNow();
      for (const name of names) {
        if (named.has(name.slice(prefix.length))) continue;
        const { storedAt = 0 } = (await read(name)) ?? {};
        if (storedAt + MIN_ORPHAN_AGE_MS < now) await vault.remove(name);
      }
    },
  };
}

/** Reads log and vault each time, so that a channel that was just disabled is not called. */
export function lookupOf({
  store,
  kernel,
  vault,
}: Pick<ChannelContext, 'store' | 'kernel'> & { readonly vault: SecretVault }): ChannelLookup {
  return async (userId, channel) => {
    if (!isAddressChannel(channel)) return { kind: 'closed', reason: 'no_channel' };
    const stream = channelStream(kernel, userId, channel);
    const load = async () => (await channelDecider.load(store, stream)).state.current;
    const current = await load();
    if (current === undefined) return { kind: 'closed', reason: 'no_channel' };
    if (!current.enabled) return { kind: 'closed', reason: 'channel_disabled' };
    const secrets = await secretsOf(vault, userId).get(current.ref);
    if (secrets !== undefined) return { kind: 'open', target: targetOf(current, secrets) };
    // Secrets are shredded after the event that ends them, so the log says by now that they are gone.
    const now = await load();
    if (now === undefined) return { kind: 'closed', reason: 'no_channel' };
    throw secretsMissing(`the vault lacks the secrets of the channel ${channel} of user ${userId}`);
  };
}

/** The vault and the log do not fit together: going on would skip a delivery, or send one without its content. */
export function secretsMissing(message: string): TocsinError {
  return new TocsinError('unavailable', 'secrets_missing', message, {
    hint:
      'The vault or the log was restored without the other. Restore the vault of the log, or configure the channel again; ' +
      'until then the delivery waits, at most until it expires.',
  });
}

export function targetOf(
  { channel, kind, version }: ConfiguredChannel,
  { url, bearerToken, secret }: ChannelSecrets,
): ChannelTarget {
  return { channel, kind, version, url, bearerToken, secret };
}
