// A store that seals the personal part and the personal texts of appended events, and unseals them in reads of a
// stream while the user's key exists. Reads of the whole log stay sealed, so nothing personal gets into messages.
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { StoredIdSchema, type UserId } from '../../domain/core/identity.ts';
import { isJsonObject, parseJson, type JsonObject } from '../../domain/core/json.ts';
import type { EventToAppend, RecordedEvent } from '../../domain/core/recorded-event.ts';
import { joinKey } from '../../domain/core/keys.ts';
import { personalContent, sealOf } from '../../domain/core/personal.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { SecretVault } from '../../domain/ports/secret-vault.ts';
import { personalHash } from '../../projections/personal-hash.ts';
import { newSalt } from '../decider/salt.ts';
import { plainTexts, restoreTexts, withoutTexts } from './plain-fields.ts';
import { findUserKey, seal, unseal, userKey } from './user-key.ts';

const OfUser = z.looseObject({ userId: StoredIdSchema });

/** @param options.sealing false: appends nothing sealed; reads still unseal */
export function sealedStore(
  store: EventStore,
  vault: SecretVault,
  { sealing = true }: { readonly sealing?: boolean } = {},
): EventStore {
  return {
    append: async (stream, expected, events, options) => {
      if (!sealing) return store.append(stream, expected, events, options);
      return store.append(stream, expected, await sealAll(store, vault, stream, events), options);
    },
    async *readStream(stream, options) {
      for await (const page of store.readStream(stream, options)) {
        yield await Promise.all(page.map((event) => unsealed(vault, event)));
      }
    },
    readAll: (options) => store.readAll(options),
    subscribeAll: (options) => store.subscribeAll(options),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function sealAll(
  store: EventStore,
  vault: SecretVault,
  stream: string,
  events: readonly EventToAppend[],
): Promise<readonly EventToAppend[]> {
  const first = events.map(({ data }) => ownerIn(data)).find((owner) => owner !== undefined);
  const sealed: EventToAppend[] = [];
  // Read once per append and not cached longer: a key may be shredded at any time.
  const keys = new Map<UserId, Awaited<ReturnType<typeof userKey>>>();
  for (const event of events) {
    const { personal } = event.data;
    const texts = plainTexts(event.type, event.data);
    const own = personal !== undefined && isJsonObject(personal) ? personal : {};
    const content = { salt: newSalt(), ...own, ...texts };
    const isSealed = sealOf(event.data) !== undefined;
    if (isSealed || !isPersonal(event.data, content)) {
      sealed.push(event);
      continue;
    }
    const user = ownerIn(event.data) ?? first ?? (await ownerOf(store, stream));
    const key = keys.get(user) ?? (await userKey(vault, user));
    keys.set(user, key);
    const context = contextOf(stream, event.type, user);
    const box = seal(key, user, context, JSON.stringify(content));
    const data = withoutTexts(event.data, texts);
    sealed.push({
      ...event,
      data: { ...data, personal: { sealed: box, hash: personalHash(content) } },
    });
  }
  return sealed;
}

async function unsealed(vault: SecretVault, event: RecordedEvent): Promise<RecordedEvent> {
  const { data, stream, type } = event;
  const sealed = isJsonObject(data) ? sealOf(data) : undefined;
  if (sealed === undefined || !isJsonObject(data)) return event;
  const key = await findUserKey(vault, sealed);
  // The key was shredded: the codec reads the personal part as blank.
  if (key === undefined) return event;
  const text = unseal(key, sealed, contextOf(stream, type, sealed.user));
  const content = parseJson(text);
  if (!isJsonObject(content)) return event;
  const { texts, personal } = restoreTexts(type, content);
  return { ...event, data: { ...data, ...texts, personal } };
}

function contextOf(stream: string, type: string, user: UserId): string {
  return joinKey(stream, type, user);
}

function ownerIn(data: JsonObject): UserId | undefined {
  const parsed = OfUser.safeParse(data);
  return parsed.success ? parsed.data.userId : undefined;
}

/** The first event of a user's stream names the user. */
async function ownerOf(store: EventStore, stream: string): Promise<UserId> {
  for await (const page of store.readStream(stream, { direction: 'forwards', maxCount: 1 })) {
    for (const { data } of page) {
      const owner = isJsonObject(data) ? ownerIn(data) : undefined;
      if (owner !== undefined) return owner;
    }
  }
  throw new TocsinError('internal', 'no_owner', `the user of ${stream} is not known`, {
    hint: 'This is a bug in Tocsin. Nothing was written, because the personal part could not be sealed.',
  });
}

/** A salt alone tells nothing, unless another field is a hash under it. */
function isPersonal(data: JsonObject, content: JsonObject): boolean {
  return 'requestHash' in data || Object.keys(personalContent(content)).length > 0;
}
