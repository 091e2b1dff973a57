// Who may append and read, as the server stores it: the default ACL in `$settings`, and the ACL of `$all` in its
// metadata.
import { isJsonObject, type JsonObject } from '../../../domain/core/json.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { isUnreadable, type RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { AppendResult, EventStore } from '../../../domain/ports/event-store.ts';

const DEFAULTS = '$settings';
const ALL = '$$$all';
const ADMINS = '$admins';

/** Users and groups by right; `$all` is everybody, as in the server's own words. */
export type Rights = {
  /** Who may append to streams without an ACL of their own, which is what Tocsin's streams are. */
  readonly append: readonly string[];
  /** Who may read the whole log, as the projection does. */
  readonly readAll: readonly string[];
};

export type AclStore = {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly appendSystem: EventStore['append'];
};

/** @throws TocsinError when this user may not read it: it takes an admin */
export async function readRights({ store }: Pick<AclStore, 'store'>): Promise<Rights> {
  const [defaults, all] = [await last(store, DEFAULTS), await last(store, ALL)];
  return {
    append: rolesIn(objectIn(dataOf(defaults), '$userStreamAcl'), '$w', ['$all']),
    readAll: rolesIn(objectIn(dataOf(all), '$acl'), '$r', [ADMINS]),
  };
}

/** Lets only admins and `role`, a user or a group, append to streams, and read the whole log. */
export async function limitRights(acl: AclStore, role: string): Promise<Rights> {
  const only = [ADMINS, role];
  const defaults = await last(acl.store, DEFAULTS);
  const before = objectIn(dataOf(defaults), '$userStreamAcl');
  const streams = { $r: '$all', $mr: '$all', ...before, $w: only, $d: only, $mw: only };
  await write(acl, DEFAULTS, defaults, 'update-default-acl', {
    // The server's own default, which it does not store.
    $systemStreamAcl: { $r: ADMINS, $w: ADMINS, $d: ADMINS, $mr: ADMINS, $mw: ADMINS },
    ...dataOf(defaults),
    $userStreamAcl: streams,
  });
  const all = await last(acl.store, ALL);
  const readers = rolesIn(objectIn(dataOf(all), '$acl'), '$r', [ADMINS]);
  const $r = [...new Set([...readers, ...only])];
  const $acl = { ...objectIn(dataOf(all), '$acl'), $r };
  await write(acl, ALL, all, '$metadata', { ...dataOf(all), $acl });
  return readRights(acl);
}

async function write(
  { appendSystem }: AclStore,
  stream: string,
  before: RecordedEvent | undefined,
  type: string,
  data: JsonObject,
): Promise<void> {
  const event = { id: crypto.randomUUID(), type, data, metadata: {} };
  const result: AppendResult = await appendSystem(stream, before?.revision ?? 'no_stream', [event]);
  if (result.outcome === 'appended') return;
  const why = 'message' in result ? result.message : 'somebody else changed it';
  const code = result.outcome === 'refused' ? result.reason : 'acl_unwritable';
  throw new TocsinError('unavailable', code, `cannot write the rights in ${stream}: ${why}`, {
    hint: 'Use the credentials of a member of $admins, and look at the rights with --show.',
  });
}

async function last(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
): Promise<RecordedEvent | undefined> {
  for await (const [event] of store.readStream(stream, { direction: 'backwards', maxCount: 1 })) {
    return event;
  }
  return undefined;
}

function dataOf(event: RecordedEvent | undefined): JsonObject {
  return event !== undefined && !isUnreadable(event.data) && isJsonObject(event.data)
    ? event.data
    : {};
}

function objectIn(data: JsonObject, key: string): JsonObject {
  const value = data[key];
  return value !== undefined && isJsonObject(value) ? value : {};
}

/** A role is a text or a list of texts. */
function rolesIn(acl: JsonObject, right: string, otherwise: readonly string[]): readonly string[] {
  const value = acl[right];
  if (value === undefined) return otherwise;
  return (Array.isArray(value) ? value : [value]).map(String);
}
