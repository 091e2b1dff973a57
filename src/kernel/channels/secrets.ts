// A channel's secrets as the vault has them: one record per version, under a name that the event holds.
import { z } from 'zod';
import { joinKey } from '../../domain/core/keys.ts';
import type { UserId } from '../../domain/core/identity.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';

const Stored = z.object({
  url: z.string(),
  bearerToken: z.string().optional(),
  secret: z.string().optional(),
});

/** What the vault keeps of a channel. */
export type ChannelSecrets = z.output<typeof Stored>;

/** What the names of a user's secrets begin with. */
export function secretsPrefix(user: UserId): string {
  return `channel/${joinKey(user)}/`;
}

export async function putSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
  secrets: ChannelSecrets,
): Promise<void> {
  await vault.put(`${secretsPrefix(user)}${ref}`, JSON.stringify(secrets));
}

/** `undefined` when they are shredded. */
export async function getSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
): Promise<ChannelSecrets | undefined> {
  const text = await vault.get(`${secretsPrefix(user)}${ref}`);
  return text === undefined ? undefined : Stored.parse(JSON.parse(text));
}

export async function shredSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
): Promise<boolean> {
  return vault.remove(`${secretsPrefix(user)}${ref}`);
}
