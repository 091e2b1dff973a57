// The checks of `tocsin doctor` for the NATS server and the output stream.
import { describeServer, type ServerDescription } from '../../adapters/nats/describe.ts';
import { natsOptions } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { checked, failed, ok, type Check } from './doctor-check.ts';

export async function checkNats(config: Config): Promise<readonly Check[]> {
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
