// `tocsin doctor`: checks that the projection's dependencies exist and are safe to use.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import {
  parseConnectionString,
  redactConnectionString,
} from '../../adapters/eventstore/esdb/connection-string.ts';
import { describeServer, type ServerDescription } from '../../adapters/nats/describe.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { controlStream } from '../../domain/core/ids.ts';
import { hidingMetadata } from '../../domain/ports/hidden-stream.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { ACCESS_HINT } from '../../kernel/decider/decider.ts';
import { projectionPrefixes } from '../../projections/dedupe/classify.ts';
import { readControl } from '../../kernel/control/control.ts';
import { rulesetOf, SHIPPED_RULESETS } from '../../projections/dedupe/rulesets.ts';
import {
  embeddedFile,
  isEventStoreDb,
  natsOptions,
  openReader,
  openStore,
} from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { EXIT } from '../terminal/terminal.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { register, type Work } from './command.ts';

type Check = {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** The code of the error. */
  readonly code?: string;
  readonly hint?: string;
};

export function doctorCommand(program: Command): void {
  register(
    program.command('doctor').description('check Node, store, state file, NATS server and stream'),
    ['store', ...NATS_SETTINGS, 'state', 'name'],
    'Example:\n  tocsin doctor --nats nats://127.0.0.1:4222 --json',
    doctor,
  );
}

const doctor: Work<object> = async ({ config, terminal }) => {
  const store = await checked('store', () => checkStore(config));
  // A store that is away or denies everything would say the same to each check.
  const isAsked = isEventStoreDb(config.store) && store.code?.startsWith('store_') !== true;
  const checks = [
    ok('node', `Node ${process.versions.node}`),
    store,
    ...(isAsked ? await checkServer(config) : []),
    await checked('state', () => Promise.resolve(checkState(config))),
    ...(await checkNats(config)),
  ];
  terminal.print({ checks });
  for (const { name, status, detail, hint } of checks) {
    const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[status];
    terminal.say(`${mark}  ${name}: ${detail}${hint === undefined ? '' : `\n         ${hint}`}`);
  }
  return checks.some(({ status }) => status === 'failed') ? EXIT.partly : EXIT.done;
};

async function checkStore(config: Config): Promise<Check> {
  const { store, name } = config;
  const shown = redactConnectionString(store);
  const isMissing = !isEventStoreDb(store) && !existsSync(embeddedFile(store));
  if (isMissing) return ok('store', `${shown}: does not exist yet`);
  await using log = await openReader(config);
  const { storeId, rulesets, output } = await readControl(log, name);
  if (storeId === undefined) return ok('store', `${shown}: empty`);
  for (const number of rulesets) rulesetOf(SHIPPED_RULESETS, number);
  const list = output === undefined ? 'nothing sent yet' : `sends to ${output.stream}`;
  return ok('store', `${shown}: log ${storeId}, ${list}`);
}

/** What a server allows this user, and what it may do to the events. Writes nothing. */
async function checkServer(config: Config): Promise<readonly Check[]> {
  await using store = await openStore(config, 'tocsin doctor');
  return [
    await checked('read', () => checkReading(store, config.name)),
    await checked('append', () => checkAppending(store, config.name)),
    await checked('metadata', () => checkMetadata(store, config.name)),
    ...(parseConnectionString(config.store).settings.tls
      ? [await checked('users', () => checkUsers(store))]
      : []),
  ];
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

const DELETED_HINT =
  'The control stream has a tombstone, which is for ever: restore a backup, or start another log with --name.';

async function checkMetadata(store: EventStore, name: string): Promise<Check> {
  const stream = controlStream(name);
  const found = await hidingMetadata(store, stream);
  if (found.length === 0) return ok('metadata', `no metadata hides events of ${stream}`);
  const detail = `${found.join(', ')} in the metadata of ${stream} lets events vanish`;
  const hint = `Remove the keys from the metadata of ${stream} before the server scavenges.`;
  return { name: 'metadata', status: 'failed', detail, hint };
}

async function checkUsers(store: EventStore): Promise<Check> {
  const { readRights } = await import('../../adapters/eventstore/esdb/acl.ts');
  try {
    const { append } = await readRights({ store });
    if (!append.includes('$all')) return ok('users', `may append: ${append.join(', ')}`);
    const hint = 'Limit the right: `tocsin store acl --only ROLE`, with TLS and credentials.';
    return { name: 'users', status: 'warning', detail: 'every user may append', hint };
  } catch (error) {
    if (!(error instanceof TocsinError) || error.code !== 'store_access_denied') throw error;
    return ok('users', 'only an admin may see who else may append: `tocsin store acl`');
  }
}

function checkState(config: Config): Check {
  if (!existsSync(config.state)) return ok('state', `${config.state}: does not exist yet`);
  using state = openReadModelReader(config.state);
  const checkpoint = state.checkpoint();
  const parked = state.parkedCount();
  const detail =
    checkpoint === undefined
      ? `${config.state}: empty`
      : `${config.state}: ${checkpoint.counts.events} events, output sequence ${checkpoint.sequence}`;
  if (parked === 0) return ok('state', detail);
  const hint = 'See `tocsin park list`.';
  return { name: 'state', status: 'warning', detail: `${detail}, ${parked} parked`, hint };
}

async function checkNats(config: Config): Promise<readonly Check[]> {
  const { checkAcknowledging } = await import('./doctor-acks.ts');
  let found: ServerDescription;
  try {
    found = await describeServer(natsOptions(config));
  } catch (error) {
    return [failed('nats', error)];
  }
  const server = `${found.servers}: nats-server ${found.version}`;
  if (!found.jetStream) {
    const hint = 'Start it with -js, or enable JetStream for this account.';
    return [{ name: 'nats', status: 'failed', detail: `${server} without JetStream`, hint }];
  }
  return [
    weigh('nats', server, [], found.warnings),
    checkStream(config.stream, found.stream),
    await checked('acks', async () => ok('acks', await checkAcknowledging(config))),
  ];
}

function checkStream(name: string, info: ServerDescription['stream']): Check {
  if (info === undefined) return ok('stream', `${name}: does not exist yet`);
  const { firstSequence, lastSequence, faults, warnings } = info;
  return weigh('stream', `${name}: messages ${firstSequence} to ${lastSequence}`, faults, warnings);
}

function weigh(
  name: string,
  detail: string,
  faults: readonly string[],
  warnings: readonly string[],
): Check {
  const status = faults.length > 0 ? 'failed' : warnings.length > 0 ? 'warning' : 'ok';
  return { name, status, detail: [detail, ...faults, ...warnings].join('; ') };
}

function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

async function checked(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Check {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof TocsinError)) return { name, status: 'failed', detail };
  const { hint, code } = error;
  return { name, status: 'failed', detail, code, hint };
}
