// The checks of `tocsin doctor` for a server: its version and nodes, what it allows this user, and what it may do to the
// events. They write nothing.
import { parseConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { versionFault } from '../../adapters/eventstore/esdb/supported-versions.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { controlStream } from '../../domain/core/ids.ts';
import {
  hiddenStreams,
  hidingMetadata,
  type HiddenStream,
} from '../../domain/ports/hidden-stream.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { ACCESS_HINT, DELETED_HINT } from '../../kernel/decider/decider.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import { openServer, type Server } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { ok, type Check, type Checked } from './doctor-check.ts';
import type { Needs } from './doctor-roles.ts';

export async function checkServer(
  config: Config,
  { appends }: Needs,
  checked: Checked,
  limitMs: number,
): Promise<readonly Check[]> {
  const { name } = config;
  const server = await openServer(config.store);
  await using store = server.store;
  return [
    await checked('server', () => checkNodes(server)),
    await checked('read', () => checkReading(store, name)),
    ...(appends ? [await checked('append', () => checkAppending(store, name))] : []),
    await checked('metadata', () => checkMetadata(store, name, limitMs * LOOK_SHARE)),
    ...(parseConnectionString(config.store).settings.tls
      ? [await checked('users', () => checkUsers(store))]
      : []),
  ];
}

async function checkNodes({ describe }: Server): Promise<Check> {
  const { version, node, leader, members } = await describe();
  const of = members === undefined || members < 2 ? '' : `, one of ${members} nodes`;
  const role = node === leader ? 'the leader' : `not the leader, which is ${leader}`;
  const fault = versionFault(version);
  const detail = `version ${version ?? 'unknown'}; reads from ${node}, ${role}${of}`;
  if (fault === undefined) return ok('server', detail);
  return {
    name: 'server',
    status: fault.isFatal ? 'failed' : 'warning',
    detail: `${detail}; ${fault.message}`,
    code: 'store_version',
    hint: fault.hint,
  };
}

async function checkReading(store: EventStore, name: string): Promise<Check> {
  const prefixes = projectionPrefixes(name);
  for await (const _ of store.readAll({ direction: 'backwards', prefixes, maxCount: 1 })) break;
  return ok('read', 'this user may read the whole log');
}

/** No stream has this revision, so the server checks the right and writes nothing: not even an empty append. */
const NO_REVISION = 2n ** 62n;

async function checkAppending(store: EventStore, name: string): Promise<Check> {
  const result = await store.append(controlStream(name), NO_REVISION, [], { deadlineMs: 5_000 });
  if (result.outcome === 'conflict') return ok('append', 'this user may append');
  const code = result.outcome === 'refused' ? result.reason : 'store_unavailable';
  const kind = result.outcome === 'unknown' ? 'unavailable' : 'usage';
  const message = 'message' in result ? result.message : 'the server accepted an impossible append';
  const hint = code === 'stream_deleted' ? DELETED_HINT : ACCESS_HINT;
  throw new TocsinError(kind, code, message, { hint });
}

/** How many streams `doctor` names, and the share of the check's time in which it looks for them. */
const MOST_HIDDEN = 5;
const LOOK_SHARE = 0.8;

async function checkMetadata(store: EventStore, name: string, lookMs: number): Promise<Check> {
  const found = await hiddenOf(store, name, lookMs);
  if (found.length === 0) return ok('metadata', `no metadata hides events of ${name}.*`);
  const streams = found.map(({ stream, keys }) => `${keys.join(', ')} of ${stream}`).join('; ');
  const detail = `metadata let events vanish: ${streams}`;
  const hint = 'Remove the keys from the metadata of these streams before the server scavenges.';
  return { name: 'metadata', status: 'failed', detail, hint, code: 'stream_hidden' };
}

/** A user without the right to read the whole log may still read the control stream. */
async function hiddenOf(
  store: EventStore,
  name: string,
  lookMs: number,
): Promise<readonly HiddenStream[]> {
  try {
    const signal = AbortSignal.timeout(lookMs);
    return await hiddenStreams(store, name, MOST_HIDDEN, signal);
  } catch (error) {
    if (!isDenied(error)) throw error;
    const stream = controlStream(name);
    const keys = await hidingMetadata(store, stream);
    return keys.length > 0 ? [{ stream, keys }] : [];
  }
}

function isDenied(error: unknown): boolean {
  return error instanceof TocsinError && error.code === 'store_access_denied';
}

async function checkUsers(store: EventStore): Promise<Check> {
  const { readRights } = await import('../../adapters/eventstore/esdb/acl.ts');
  try {
    const { append } = await readRights({ store });
    if (!append.includes('$all')) return ok('users', `may append: ${append.join(', ')}`);
    const hint = 'Limit the right: `tocsin store acl --only ROLE`, with TLS and credentials.';
    return { name: 'users', status: 'warning', detail: 'every user may append', hint };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return ok('users', 'only an admin may see who else may append: `tocsin store acl`');
  }
}
