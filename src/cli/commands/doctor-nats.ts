// The checks of `tocsin doctor` for the NATS server, the output stream and the rights of this user.
import { describeServer, type ServerDescription } from '../../adapters/nats/describe.ts';
import { DEFAULT_CONSUMER } from '../../adapters/nats/inbox.ts';
import { deniedSubjects } from '../../adapters/nats/permissions.ts';
import { natsOptions } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { fault, ok, type Check, type Checked } from './doctor-check.ts';
import { checkAccount, checkConsumer, checkReplicas, checkRetention } from './doctor-stream.ts';
import { ackSubject, subjectsOf, type Needs } from './doctor-roles.ts';

export type NatsChecks = {
  readonly checks: readonly Check[];
  readonly clock: ServerDescription['clock'];
  /** When the newest message was stored, by the server's clock. */
  readonly lastAt: number | undefined;
};

/** The checks of a role that uses JetStream. */
export async function checkNats(
  config: Config,
  needs: Needs,
  checked: Checked,
): Promise<NatsChecks> {
  let found: ServerDescription | undefined;
  const nats = await checked('nats', async () => {
    const options = { ...natsOptions(config), replicas: config.natsReplicas };
    const consumer = needs.delivers ? DEFAULT_CONSUMER : undefined;
    found = await describeServer({ ...options, consumer });
    return checkServer(found);
  });
  const hasStream = found?.stream !== undefined;
  // A right that is missing may be why the server could not be described.
  const rights = isAway(nats) ? [] : await checkRights(config, needs, hasStream, checked);
  if (found?.account === undefined) {
    return { checks: [nats, ...rights], clock: undefined, lastAt: undefined };
  }
  const { account, stream, consumer, clock } = found;
  const checks = [
    nats,
    checkStream(config.stream, stream),
    ...rights,
    checkAccount(account, stream, consumer, needs),
    await checked('retention', () => checkRetention(config, stream)),
    checkReplicas(config, found),
    ...(needs.delivers ? [checkConsumer(DEFAULT_CONSUMER, consumer)] : []),
  ];
  return { checks, clock, lastAt: stream?.lastAt };
}

/** The checks of a role that only publishes to a subject of its own. */
export async function checkSubject(
  config: Config,
  needs: Needs,
  checked: Checked,
): Promise<readonly Check[]> {
  return [await checkPermissions(config, subjectsOf(config, needs, true), checked)];
}

/** True when no server answered, or refused this user: all other checks would say the same. */
function isAway({ status, code }: Check): boolean {
  return status === 'failed' && code !== 'nats_permissions';
}

function checkServer(found: ServerDescription): Check {
  const server = `${found.servers}: nats-server ${found.version}`;
  if (!found.jetStream) {
    const hint = 'Start it with -js, or enable JetStream for this account.';
    return { name: 'nats', status: 'failed', detail: `${server} without JetStream`, hint };
  }
  return weigh('nats', server, [], found.warnings, 'Update the server, or raise the limit.');
}

async function checkRights(
  config: Config,
  needs: Needs,
  hasStream: boolean,
  checked: Checked,
): Promise<readonly Check[]> {
  const permissions = await checkPermissions(config, subjectsOf(config, needs, hasStream), checked);
  if (!needs.delivers) return [permissions];
  const acks = await checked('acks', async () => {
    const denied = await deniedSubjects(natsOptions(config), [ackSubject(config.stream)]);
    if (denied.publish.length === 0)
      return ok('acks', 'this user may acknowledge messages, as a worker must');
    const detail = 'this user may not acknowledge messages: deliveries stop after a thousand';
    return fault('acks', 'nats_permissions', detail, 'Allow publishing to $JS.ACK.> as well.');
  });
  return [permissions, acks];
}

function checkPermissions(
  config: Config,
  subjects: readonly string[],
  checked: Checked,
): Promise<Check> {
  return checked('permissions', async () => {
    const { publish, inbox } = await deniedSubjects(natsOptions(config), subjects);
    if (publish.length === 0 && !inbox) {
      const all = `this user may publish to ${subjects.length} subjects and get answers`;
      return ok('permissions', all);
    }
    const denied = [
      ...(publish.length === 0 ? [] : [`publish to ${publish.join(', ')}`]),
      ...(inbox ? ['subscribe to _INBOX.>'] : []),
    ];
    const hint =
      'Give the user the permissions of docs/operating.md#nats; "probe" stands for any token.';
    const detail = `this user may not ${denied.join(', and not ')}`;
    return fault('permissions', 'nats_permissions', detail, hint);
  });
}

function checkStream(name: string, info: ServerDescription['stream']): Check {
  if (info === undefined) return ok('stream', `${name}: does not exist yet`);
  const { firstSequence, lastSequence, faults, warnings } = info;
  const detail = `${name}: messages ${firstSequence} to ${lastSequence}`;
  const hint = 'Change these settings with `nats stream edit`, or use another --stream.';
  return weigh('stream', detail, faults, warnings, hint);
}

function weigh(
  name: string,
  detail: string,
  faults: readonly string[],
  warnings: readonly string[],
  hint: string,
): Check {
  const text = [detail, ...faults, ...warnings].join('; ');
  if (faults.length + warnings.length === 0) return ok(name, text);
  return { name, status: faults.length > 0 ? 'failed' : 'warning', detail: text, hint };
}
