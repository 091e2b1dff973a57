// The checks of `tocsin doctor` for the event store and what belongs to it: clocks, vault and state file.
import { existsSync } from 'node:fs';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { readControl } from '../../kernel/control/control.ts';
import { rulesetOf, SHIPPED_RULESETS } from '../../projections/dedupe/rulesets.ts';
import { hasEmbeddedFile, isEventStoreDb, openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { usageError } from '../config/usage-error.ts';
import { ok, type Check, type Checked } from './doctor-check.ts';
import { checkLogClock, checkStoreClock } from './doctor-clock.ts';
import type { Run } from './doctor-roles.ts';
import { checkServer } from './doctor-server.ts';
import { compareVault } from './doctor-vault.ts';

type LogChecks = { readonly checks: readonly Check[]; readonly isReadable: boolean };

export async function checkLog({ config, needs, role, checked, limitMs }: Run): Promise<LogChecks> {
  const isServer = isEventStoreDb(config.store);
  if (needs.ownsStore && isServer) {
    const hint = 'Give --store embedded:FILE, the file that this role serves.';
    throw usageError('wrong_store', `the role ${role} needs a file`, hint);
  }
  const store = await checked('store', () => checkStore(config));
  // A store that is away, denies everything or is configured wrongly would say the same to each check.
  const isAway = /^(store_|certificate$|connection_string$|check_timeout$)/.test(store.code ?? '');
  const server = isServer && !isAway ? await checkServer(config, needs, checked, limitMs) : [];
  const isFine = store.status !== 'failed';
  const clocks = isFine ? await checkClocks(config, checked, limitMs) : [];
  const isKept = needs.vault && isFine && config.vault.wasGiven;
  const vault = isKept ? [await checked('vault', () => checkVault(config))] : [];
  return {
    checks: [store, ...server, ...clocks, ...vault],
    // Nothing of a log can be read whose control stream was deleted.
    isReadable: isFine && !server.some(({ code }) => code === 'stream_deleted'),
  };
}

async function checkClocks(
  config: Config,
  checked: Checked,
  limitMs: number,
): Promise<readonly Check[]> {
  const { store } = config;
  const isServer = isEventStoreDb(store);
  if (!isServer && !hasEmbeddedFile(store)) return [];
  const signal = AbortSignal.timeout(limitMs);
  const ofStore = isServer
    ? [await checked('store-clock', () => checkStoreClock(store, signal))]
    : [];
  return [...ofStore, await checked('log-clock', () => checkLogClock(config))];
}

async function checkVault(config: Config): Promise<Check> {
  await using log = await openReader(config);
  return await compareVault(config, log);
}

async function checkStore(config: Config): Promise<Check> {
  const { store, name } = config;
  const shown = redactConnectionString(store);
  if (!isEventStoreDb(store) && !hasEmbeddedFile(store)) {
    return ok('store', `${shown}: does not exist yet`);
  }
  await using log = await openReader(config);
  const { storeId, rulesets, output } = await readControl(log, name);
  if (storeId === undefined) return ok('store', `${shown}: empty`);
  for (const number of rulesets) rulesetOf(SHIPPED_RULESETS, number);
  const list = output === undefined ? 'nothing sent yet' : `sends to ${output.stream}`;
  return ok('store', `${shown}: log ${storeId}, ${list}`);
}

export function checkState(config: Config): Check {
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
