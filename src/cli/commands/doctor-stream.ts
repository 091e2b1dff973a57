// The checks of `tocsin doctor` for what JetStream holds: room in the account, retention, replicas and the consumer.
import type { AccountUsage } from '../../adapters/nats/account.ts';
import type { ConsumerDescription } from '../../adapters/nats/consumer.ts';
import type { ServerDescription, StreamDescription } from '../../adapters/nats/describe.ts';
import { maxAckPending } from '../../adapters/nats/inbox.ts';
import type { Config } from '../config/config.ts';
import { loadProduct } from '../config/product.ts';
import { bytes, duration } from './doctor-text.ts';
import { fault, ok, warning, type Check } from './doctor-check.ts';
import type { Needs } from './doctor-roles.ts';

/** Shares of a limit that are used. */
const NEARLY_FULL = 0.8;
const FULL = 0.98;

type Finding = { readonly isFatal: boolean; readonly text: string };

export function checkAccount(
  account: AccountUsage,
  stream: StreamDescription | undefined,
  consumer: ConsumerDescription | undefined,
  { delivers }: Needs,
): Check {
  const found: readonly (Finding | undefined)[] = [
    room('storage of the account', account.storage, account.maxStorage),
    // The limit of the account counts for the stream where the stream has none, or a larger one.
    stream && room('bytes of the stream', stream.bytes, account.maxStreamBytes),
    stream === undefined && account.streams >= (account.maxStreams ?? Infinity)
      ? fatal(`all ${account.maxStreams} streams of the account are used`)
      : undefined,
    stream === undefined && account.needsMaxBytes
      ? fatal('the account wants max_bytes of each stream, and Tocsin makes a stream without')
      : undefined,
    delivers && consumer === undefined && account.consumers >= (account.maxConsumers ?? Infinity)
      ? fatal(`all ${account.maxConsumers} consumers of the account are used`)
      : undefined,
    delivers && (account.maxAckPending ?? Infinity) < maxAckPending
      ? fatal(
          `the account allows ${account.maxAckPending} open acknowledgements of a consumer, and a worker asks for ${maxAckPending}`,
        )
      : undefined,
  ];
  const findings = found.filter((each) => each !== undefined);
  const { storage, maxStorage } = account;
  const limit = maxStorage === undefined ? 'no limit of the account' : `of ${bytes(maxStorage)}`;
  const detail = [`${bytes(storage)} stored, ${limit}`, ...findings.map(({ text }) => text)];
  if (findings.length === 0) return ok('account', detail.join('; '));
  const hint =
    'Raise the limits of the account, or make room: a full account stalls the projector. A stream with max_bytes can be ' +
    'made before the first start: see docs/operating.md#nats.';
  const weigh = findings.some(({ isFatal }) => isFatal) ? fault : warning;
  return weigh('account', 'account_limits', detail.join('; '), hint);
}

function fatal(text: string): Finding {
  return { isFatal: true, text };
}

function room(what: string, used: number, limit: number | undefined): Finding | undefined {
  if (limit === undefined || used < limit * NEARLY_FULL) return undefined;
  const percent = Math.floor((100 * used) / limit);
  return {
    isFatal: used >= limit * FULL,
    text: `${percent} % of the ${what} is used (${bytes(used)} of ${bytes(limit)})`,
  };
}

/** The stream must keep a request for as long as it can still be delivered. */
export async function checkRetention(
  config: Config,
  stream: StreamDescription | undefined,
): Promise<Check> {
  const name = 'retention';
  const { triggers } = await loadProduct();
  const neededMs = Math.max(...triggers.map(({ expiresInMs }) => expiresInMs));
  const needed = `notifications can be delivered for ${duration(neededMs)}`;
  if (stream === undefined) return ok(name, `no stream yet; ${needed}`);
  const { maxAgeMs, maxMessages, maxBytes, firstAt, lastAt, firstSequence } = stream;
  const limits = [
    ...(maxAgeMs === undefined ? [] : [`max_age ${duration(maxAgeMs)}`]),
    ...(maxMessages === undefined ? [] : [`max_msgs ${maxMessages}`]),
    ...(maxBytes === undefined ? [] : [`max_bytes ${bytes(maxBytes)}`]),
  ].join(', ');
  if (limits === '') return ok(name, `${config.stream} keeps every message; ${needed}`);
  const hint =
    `Raise the limit to more than ${duration(neededMs)} of messages. Windows do not need the stream: they are in the log. ` +
    'A worker finds discarded requests in the log, and other consumers miss them.';
  if (maxAgeMs !== undefined && maxAgeMs < neededMs) {
    return warning(name, 'retention_short', `${limits}, but ${needed}`, hint);
  }
  const isDiscarding = firstSequence > 1n && firstAt !== undefined && lastAt !== undefined;
  const keptMs = isDiscarding ? lastAt - firstAt : Infinity;
  if (keptMs < neededMs) {
    const detail = `${limits}: the stream holds ${duration(keptMs)} of messages, but ${needed}`;
    return warning(name, 'retention_short', detail, hint);
  }
  return ok(name, `${limits}; ${needed}`);
}

export function checkReplicas(
  { natsReplicas }: Config,
  { stream, cluster }: ServerDescription,
): Check {
  const name = 'replicas';
  if (stream === undefined) {
    const where = cluster === undefined ? 'one server' : `the cluster ${cluster}`;
    const detail = `the first start makes the stream with ${natsReplicas} on ${where}`;
    if (cluster === undefined && natsReplicas > 1) {
      const hint = 'Lower --nats-replicas to 1, or use a cluster: one server cannot hold replicas.';
      return fault(name, 'replicas', detail, hint);
    }
    return cluster !== undefined && natsReplicas < 3
      ? warning(
          name,
          'replicas',
          detail,
          'Set --nats-replicas 3: one lost machine then loses nothing.',
        )
      : ok(name, detail);
  }
  const { replicas, replicasBehind } = stream;
  const detail = `the stream has ${replicas}, the setting asks for ${natsReplicas}`;
  const edit = `nats stream edit ${stream.stream} --replicas ${natsReplicas}`;
  if (replicas < natsReplicas) {
    const hint = `The setting counts for a new stream only. Run: ${edit}`;
    return fault(name, 'replicas', detail, hint);
  }
  if (replicasBehind.length > 0) {
    const behind = `${detail}; offline or behind: ${replicasBehind.join(', ')}`;
    return warning(name, 'replicas', behind, 'Start these servers; see `nats stream report`.');
  }
  if (cluster !== undefined && replicas < 3) {
    const hint = `One lost machine stops or loses the stream. Set --nats-replicas 3 and run: nats stream edit ${stream.stream} --replicas 3`;
    return warning(name, 'replicas', `${detail}, in the cluster ${cluster}`, hint);
  }
  return ok(name, replicas === natsReplicas ? `the stream has ${replicas}` : detail);
}

export function checkConsumer(name: string, found: ConsumerDescription | undefined): Check {
  if (found === undefined) return ok('consumer', `${name}: the first worker makes it`);
  const { unacknowledged, maxUnacknowledged, waiting, faults } = found;
  const detail = `${name}: ${waiting} requests wait, ${unacknowledged} are not acknowledged`;
  if (faults.length > 0) {
    const hint = `Delete it when no worker runs, and a worker makes it again: nats consumer rm STREAM ${name}`;
    return fault('consumer', 'consumer_settings', [detail, ...faults].join('; '), hint);
  }
  if (maxUnacknowledged > 0 && unacknowledged >= maxUnacknowledged) {
    const hint =
      'Acknowledgements do not arrive (see acks), or the event store refuses records: look at the log of the workers.';
    return fault('consumer', 'consumer_full', `${detail}, which is the limit`, hint);
  }
  return ok('consumer', detail);
}
