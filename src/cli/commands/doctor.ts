// `tocsin doctor`: is everything there that the projection needs, and is it safe?
import type { Command } from 'commander';
import { describeServer } from '../../adapters/nats/describe.ts';
import { redactUrl } from '../../adapters/nats/options.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { readControl } from '../../kernel/control.ts';
import { rulesetOf } from '../../projections/notification/fold.ts';
import { openOutput, openReader } from '../compose.ts';
import type { Config } from '../config.ts';
import { EXIT } from '../terminal.ts';
import { execute, NATS_SETTINGS, withCommonOptions, type Work } from './command.ts';

type Options = { readonly json?: true };

type Check = {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly hint?: string;
};

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('check Node, store, state file, NATS server and stream');
  withCommonOptions(command, ['store', ...NATS_SETTINGS, 'state', 'name'])
    .addHelpText('after', '\nExample:\n  tocsin doctor --nats nats://127.0.0.1:4222 --json')
    .action((options: Options) => execute(options, doctor));
}

const doctor: Work<Options> = async ({ config, terminal }) => {
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
  await using log = openReader(config);
  const { storeId, rulesets, output } = await readControl(log, config.name);
  if (storeId === undefined) return ok('store', `${config.store}: empty`);
  rulesets.forEach(rulesetOf);
  const list = output === undefined ? 'nothing sent yet' : `sends to ${output.stream}`;
  return ok('store', `${config.store}: log ${storeId}, ${list}`);
}

function checkState(config: Config): Check {
  using state = openReadModelReader(config.state);
  const checkpoint = state.checkpoint();
  const parked = state.parked().length;
  const detail =
    checkpoint === undefined
      ? `${config.state}: empty`
      : `${config.state}: ${checkpoint.counts.events} events, output sequence ${checkpoint.sequence}`;
  if (parked === 0) return ok('state', detail);
  return {
    name: 'state',
    status: 'warning',
    detail: `${detail}, ${parked} parked`,
    hint: 'See `tocsin park list`.',
  };
}

async function checkNats(config: Config): Promise<readonly Check[]> {
  const access = { servers: config.nats.split(','), ...config.natsAccess };
  const server = await checked('nats', async () => {
    const { version, warnings } = await describeServer(access, config.stream);
    const detail = `${redactUrl(config.nats)}: nats-server ${version} with JetStream`;
    return warnings.length === 0
      ? ok('nats', detail)
      : { name: 'nats', status: 'warning', detail: `${detail}; ${warnings.join('; ')}` };
  });
  if (server.status === 'failed') return [server];
  const stream = await checked('stream', async () => {
    await using session = await openOutput(config).connect();
    const info = await session.info();
    if (info === undefined) return ok('stream', `${config.stream}: not there yet`);
    const detail = `${info.stream}: messages ${info.firstSequence} to ${info.lastSequence}`;
    const { faults, warnings } = info;
    if (faults.length > 0) {
      return { name: 'stream', status: 'failed', detail: `${detail}; ${faults.join('; ')}` };
    }
    return warnings.length === 0
      ? ok('stream', detail)
      : { name: 'stream', status: 'warning', detail: `${detail}; ${warnings.join('; ')}` };
  });
  return [server, stream];
}

function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail };
}

async function checked(name: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const hint = error instanceof TocsinError ? error.hint : undefined;
    return { name, status: 'failed', detail, ...(hint === undefined ? {} : { hint }) };
  }
}
