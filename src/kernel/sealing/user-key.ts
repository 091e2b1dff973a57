// The key of a user in the vault, and encryption with it. A key that was shredded is never made again: the
// next key has another id, so text sealed under the old key stays unreadable.
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { UserId } from '../../domain/core/identity.ts';
import { joinKey } from '../../domain/core/keys.ts';
import { parseJson } from '../../domain/core/json.ts';
import type { Sealed } from '../../domain/core/personal.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';

const KeySchema = z.object({ id: z.uuid(), key: z.base64() });

type UserKey = z.output<typeof KeySchema>;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function userKeyName(user: UserId): string {
  return `user/${joinKey(user)}`;
}

/** The user's key; makes it when it is first needed. */
export async function userKey(vault: SecretVault, user: UserId): Promise<UserKey> {
  const name = userKeyName(user);
  const found = await vault.get(name);
  if (found !== undefined) return parse(found);
  const fresh: UserKey = { id: randomUUID(), key: randomBytes(32).toString('base64') };
  return parse(await vault.putIfAbsent(name, JSON.stringify(fresh)));
}

/** The user's key with this id; `undefined` when it was shredded. */
export async function findUserKey(
  vault: SecretVault,
  { user, key: id }: Pick<Sealed, 'user' | 'key'>,
): Promise<UserKey | undefined> {
  const found = await vault.get(userKeyName(user));
  if (found === undefined) return undefined;
  const key = parse(found);
  return key.id === id ? key : undefined;
}

/** @param context stream, type and user of the event; the text can be unsealed only with the same context */
export function seal({ id, key }: UserKey, user: UserId, context: string, text: string): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'base64'), nonce);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const body = [cipher.update(text, 'utf8'), cipher.final()];
  const box = Buffer.concat([nonce, ...body, cipher.getAuthTag()]).toString('base64');
  return { user, key: id, box };
}

/** Decrypts; throws when the sealed text or its context was changed. */
export function unseal({ key }: UserKey, { box }: Sealed, context: string): string {
  const bytes = Buffer.from(box, 'base64');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key, 'base64'), nonce, options)
    .setAAD(Buffer.from(context, 'utf8'))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  return Buffer.concat([body, decipher.final()]).toString('utf8');
}

function parse(text: string): UserKey {
  return KeySchema.parse(parseJson(text));
}
