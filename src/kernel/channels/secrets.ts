// A channel's secrets as the vault has them: one record per version, under a name that the event holds.
import { z } from 'zod';
import type { Instant } from '../../domain/core/instants.ts';
import { parseJson } from '../../domain/core/json.ts';
import { joinKey } from '../../domain/core/keys.ts';
import type { UserId } from '../../domain/core/identity.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';

const Stored = z.object({
  url: z.string(),
  bearerToken: z.string().optional(),
  secret: z.string().optional(),
  /** When it was put there. */
  storedAt: z.number().optional(),
});

/** What the vault keeps of a channel. */
export type ChannelSecrets = Omit<z.output<typeof Stored>, 'storedAt'>;

/** What the names of a user's secrets begin with. */
export function secretsPrefix(user: UserId): string {
  return `channel/${joinKey(user)}/`;
}

export async function putSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
  secrets: ChannelSecrets,
  storedAt: Instant,
): Promise<void> {
  await vault.put(`${secretsPrefix(user)}${ref}`, JSON.stringify({ ...secrets, storedAt }));
}

/** `undefined` when they are shredded. */
export async function getSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
): Promise<ChannelSecrets | undefined> {
  const stored = await getStored(vault, `${secretsPrefix(user)}${ref}`);
  if (stored === undefined) return undefined;
  const { storedAt: _storedAt, ...secrets } = stored;
  return secrets;
}

export async function shredSecrets(
  vault: SecretVault,
  user: UserId,
  ref: string,
): Promise<boolean> {
  return vault.remove(`${secretsPrefix(user)}${ref}`);
}

/** Far longer than a put may take: what is younger may be about to be named by an event. */
const UNDER_WAY_MS = 10 * 60_000;

/**
 * Shreds what no event leads to: a crash between vault and log leaves such records. `namedNow` is asked
 * after the vault was, so what it does not name was either left behind or is younger than a put takes.
 */
export async function shredOrphans(
  vault: SecretVault,
  user: UserId,
  now: Instant,
  namedNow: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const prefix = secretsPrefix(user);
  const names = await vault.names(prefix);
  if (names.length === 0) return;
  const named = await namedNow();
  for (const name of names) {
    if (named.has(name.slice(prefix.length))) continue;
    const { storedAt = 0 } = (await getStored(vault, name)) ?? {};
    if (storedAt + UNDER_WAY_MS < now) await vault.remove(name);
  }
}

async function getStored(
  vault: SecretVault,
  name: string,
): Promise<z.output<typeof Stored> | undefined> {
  const text = await vault.get(name);
  return text === undefined ? undefined : Stored.parse(parseJson(text));
}
