// The checks of `tocsin doctor` that read the list of deliveries: which died, and which messages were forged.
import { existsSync } from 'node:fs';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import type { Config } from '../config/config.ts';
import { ok, type Check, type Checked } from './doctor-check.ts';

/** Older ones have expired for long, and nobody can send them again. */
const RECENT_DAYS = 7;
const DAY_MS = 86_400_000;
/** Groups that are named. */
const SHOWN = 5;

/** Nothing where this machine has no worker. */
export async function checkDeliveries(config: Config, checked: Checked): Promise<readonly Check[]> {
  if (!existsSync(deliveriesFile(config))) return [];
  return [
    await checked('deliveries', () => countDead(config)),
    await checked('forgeries', () => countForged(config)),
  ];
}

function countForged(config: Config): Check {
  using list = openDeliveryIndexReader(deliveriesFile(config), { snapshot: true });
  const found = list.forgedMessages();
  if (found.length === 0) return ok('forgeries', 'every message to the worker was genuine');
  const named = found.map(
    ({ reason, count, sequence, at }) =>
      `${count} with ${reason}, the last at sequence ${sequence} at ${formatInstant(at)}`,
  );
  return {
    name: 'forgeries',
    status: 'warning',
    code: 'messages_forged',
    detail: `messages that the projector has not sent, and for which nothing was sent: ${named.join('; ')}`,
    hint: 'See who may publish into the stream: only the projector should. docs/delivery.md describes each reason.',
  };
}

function countDead(config: Config): Check {
  using list = openDeliveryIndexReader(deliveriesFile(config), { snapshot: true });
  const all = list.counts().dead ?? 0;
  const recent = list.groups({ status: 'dead', since: Date.now() - RECENT_DAYS * DAY_MS });
  const total = recent.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) {
    const older = all === 0 ? '' : `; ${all} older ones are dead`;
    return ok('deliveries', `none died in the last ${RECENT_DAYS} days${older}`);
  }
  const named = recent
    .slice(0, SHOWN)
    .map(({ channel, reason, count }) => `${count} to ${channel} (${reason ?? 'no reason'})`);
  if (recent.length > SHOWN) named.push(`${recent.length - SHOWN} more kinds`);
  return {
    name: 'deliveries',
    status: 'warning',
    code: 'deliveries_dead',
    detail: `${total} died in the last ${RECENT_DAYS} days: ${named.join(', ')}`,
    hint:
      'See `tocsin deliveries list --status dead`. After the repair, before the notifications expire: ' +
      '`tocsin deliveries redrive --status dead --channel C --reason CODE --because TEXT`, first with --dry-run.',
  };
}
