// The check of `tocsin doctor` that tells which deliveries died, by channel and reason.
import { existsSync } from 'node:fs';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import { deliveriesFile } from '../compose/delivery.ts';
import type { Config } from '../config/config.ts';
import { checked, ok, type Check } from './doctor-check.ts';

/** Older ones have expired for long, and nobody can send them again. */
const RECENT_DAYS = 7;
const DAY_MS = 86_400_000;
/** Groups that are named. */
const SHOWN = 5;

/** Nothing where this machine has no worker. */
export async function checkDeliveries(config: Config): Promise<readonly Check[]> {
  if (!existsSync(deliveriesFile(config))) return [];
  return [await checked('deliveries', () => Promise.resolve(countDead(config)))];
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
