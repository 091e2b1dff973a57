// `tocsin doctor`: checks that the projection's dependencies exist and are safe to use.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { describeServer, type ServerDescription } from '../../adapters/nats/describe.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { readControl } from '../../kernel/control/control.ts';
import { rulesetOf, SHIPPED_RULESETS } from '../../projections/dedupe/rulesets.ts';
import { embeddedFile, isEventStoreDb, natsOptions, openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { EXIT } from '../terminal/terminal.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { register, type Work } from './command.ts';

type Check = {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
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
  const checks = [
    ok('node', `Node ${process.versions.node}`),
    await checked('store', () => checkStore(config)),
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
  return [weigh('nats', server, [], found.warnings), checkStream(config.stream, found.stream)];
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
  const hint = error instanceof TocsinError ? { hint: error.hint } : {};
  return { name, status: 'failed', detail, ...hint };
}
