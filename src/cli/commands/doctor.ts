// `tocsin doctor`: checks that the projection's dependencies exist and are safe to use. It changes nothing.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { readControl } from '../../kernel/control/control.ts';
import { rulesetOf, SHIPPED_RULESETS } from '../../projections/dedupe/rulesets.ts';
import { hasEmbeddedFile, isEventStoreDb, openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { EXIT } from '../terminal/terminal.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { register, type Work } from './command.ts';
import { checked, ok, type Check } from './doctor-check.ts';
import { checkDeliveries } from './doctor-deliveries.ts';
import { checkFiles } from './doctor-files.ts';
import { checkTogether } from './doctor-log.ts';
import { checkNats } from './doctor-nats.ts';
import { checkRequests } from './doctor-requests.ts';
import { checkServer } from './doctor-server.ts';

export function doctorCommand(program: Command): void {
  register(
    program.command('doctor').description('check Node, store, state file, NATS server and stream'),
    ['store', ...NATS_SETTINGS, 'state', 'worker', 'name'],
    'Example:\n  tocsin doctor --nats nats://127.0.0.1:4222 --json',
    doctor,
  );
}

const doctor: Work<object> = async ({ config, terminal }) => {
  const store = await checked('store', () => checkStore(config));
  // A store that is away, denies everything or is configured wrongly would say the same to each check.
  const isAway = /^(store_|certificate$|connection_string$)/.test(store.code ?? '');
  const isAsked = isEventStoreDb(config.store) && !isAway;
  const server = isAsked ? await checkServer(config) : [];
  const state = await checked('state', () => Promise.resolve(checkState(config)));
  const nats = await checkNats(config);
  const isReadable = [store, state].every(({ status }) => status !== 'failed');
  const hasNats = nats[0]?.status !== 'failed';
  // Nothing of a log can be read whose control stream was deleted.
  const isDeleted = server.some(({ code }) => code === 'stream_deleted');
  const together = isReadable && !isDeleted ? await checkTogether(config, hasNats) : [];
  const node = ok('node', `Node ${process.versions.node}`);
  const requests = isReadable && hasNats ? await checkRequests(config) : [];
  const deliveries = await checkDeliveries(config);
  const files = await checked('files', () => Promise.resolve(checkFiles(config)));
  const log = [store, ...server, state, files, ...nats, ...together];
  const checks = [node, ...log, ...requests, ...deliveries];
  terminal.print({ checks });
  for (const { name, status, detail, hint } of checks) {
    const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[status];
    terminal.say(`${mark}  ${name}: ${detail}`);
    if (hint !== undefined) terminal.say(`         ${hint}`);
  }
  return checks.some(({ status }) => status === 'failed') ? EXIT.partly : EXIT.done;
};
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
