// Forgets a user: shreds the user's key and the secrets of the user's channels, then reads the log to count the
// events that are still readable. Events written before there was a vault stay readable and are listed.
import { categoryPrefix, userShare, type StreamCategory } from '../../domain/core/ids.ts';
import type { UserId } from '../../domain/core/identity.ts';
import { isJsonObject } from '../../domain/core/json.ts';
import { personalContent, sealOf } from '../../domain/core/personal.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';
import { accessStream } from '../../domain/access/events.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Tokens } from '../access/tokens.ts';
import type { Channels } from '../channels/channels.ts';
import { secretsPrefix } from '../channels/secrets.ts';
import { plainTexts } from './plain-fields.ts';
import { findUserKey, userKeyName } from './user-key.ts';

export type Forgotten = {
  readonly userId: UserId;
  /** False when the user had no key: nothing was sealed, or the key was shredded before. */
  readonly keyShredded: boolean;
  readonly channelsRemoved: number;
  readonly tokensRevoked: number;
  readonly secretsShredded: number;
  /** The user's events in the log. */
  readonly events: number;
  /** Events whose personal part nobody can read any more. */
  readonly unreadable: number;
  readonly readable: number;
  /** The first hundred readable events. */
  readonly readableAt: readonly { readonly stream: string; readonly position: string }[];
  /** Why the vault's files may still hold what was shredded; a repeat completes it. */
  readonly unfinished?: TocsinError | undefined;
};

const CATEGORIES: readonly StreamCategory[] = [
  'trigger',
  'idempotency',
  'duejob',
  'channel',
  'notification',
];
const MAX_NAMED = 100;

export type ForgetContext = {
  /** The store itself, without unsealing. */
  readonly store: Pick<EventStore, 'readAll'>;
  readonly vault: SecretVault;
  readonly channels: Channels;
  readonly tokens: Tokens;
  readonly kernel: string;
  readonly actor: string;
};

/** Forgets a user; a repeat only reads the log. After `unavailable` call it again. */
export async function forgetUser(context: ForgetContext, userId: UserId): Promise<Forgotten> {
  const { vault, channels, tokens, actor } = context;
  let unfinished: TocsinError | undefined;
  /** A file that cannot be cleaned now must not keep the next secret from being deleted. */
  const shredding = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isUnfinished(error)) throw error;
      unfinished = error;
    }
  };
  const tokensRevoked = await revokeTokens(tokens, userId, actor);
  const configured = await channels.list(userId);
  for (const channel of ADDRESS_CHANNELS) {
    await shredding(() => channels.remove({ userId, channel }, { actor }));
  }
  const left = await vault.names(secretsPrefix(userId));
  for (const name of left) await shredding(() => vault.remove(name));
  const keyName = userKeyName(userId);
  const hadKey = (await vault.get(keyName)) !== undefined;
  await shredding(() => vault.remove(keyName));
  const seen = await readEvents(context, userId);
  return {
    userId,
    keyShredded: hadKey,
    channelsRemoved: configured.length,
    tokensRevoked,
    secretsShredded: configured.length + left.length,
    ...seen,
    ...(unfinished === undefined ? {} : { unfinished }),
  };
}

/** True for the error of a vault that deleted the secret and could not clean its files. */
export function isUnfinished(error: unknown): error is TocsinError {
  return error instanceof TocsinError && error.code === 'secret_still_in_file';
}

async function revokeTokens(tokens: Tokens, userId: UserId, actor: string): Promise<number> {
  const own = (await tokens.list()).filter((token) => token.userId === userId);
  const revoked = await Promise.all(own.map(({ tokenId }) => tokens.revoke(tokenId, { actor })));
  return revoked.filter(({ outcome }) => outcome === 'revoked').length;
}

type Seen = Pick<Forgotten, 'events' | 'unreadable' | 'readable' | 'readableAt'>;

async function readEvents({ store, vault, kernel }: ForgetContext, userId: UserId): Promise<Seen> {
  // Other users share the prefix, so each event's user is checked.
  const share = userShare(userId);
  const prefixes = CATEGORIES.map((category) => `${categoryPrefix(kernel, category)}${share}-`);
  prefixes.push(accessStream(kernel));
  const streams = new Set<string>();
  const readableAt: Forgotten['readableAt'][number][] = [];
  let [events, unreadable, readable] = [0, 0, 0];
  for await (const page of store.readAll({ direction: 'forwards', prefixes })) {
    for (const event of page) {
      if (!isOf(event, userId, accessStream(kernel), streams)) continue;
      events += 1;
      const state = await stateOf(event, vault);
      if (state === 'unreadable') unreadable += 1;
      if (state !== 'readable') continue;
      readable += 1;
      if (readableAt.length >= MAX_NAMED) continue;
      readableAt.push({ stream: event.stream, position: formatPosition(event.position) });
    }
  }
  return { events, unreadable, readable, readableAt };
}

/** By the event itself, or by an earlier event of its stream. */
function isOf(
  { data, stream }: RecordedEvent,
  userId: UserId,
  shared: string,
  streams: Set<string>,
): boolean {
  const owner = isJsonObject(data) ? data['userId'] : undefined;
  if (stream === shared) return owner === userId;
  if (owner === userId) streams.add(stream);
  return streams.has(stream);
}

async function stateOf(
  { type, data }: RecordedEvent,
  vault: SecretVault,
): Promise<'none' | 'readable' | 'unreadable'> {
  if (!isJsonObject(data)) return 'none';
  if (Object.keys(plainTexts(type, data)).length > 0) return 'readable';
  if (Object.keys(personalContent(data['personal'])).length === 0) return 'none';
  const sealed = sealOf(data);
  if (sealed === undefined) return 'readable';
  return (await findUserKey(vault, sealed)) === undefined ? 'unreadable' : 'readable';
}
