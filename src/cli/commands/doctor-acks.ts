// The check of `tocsin doctor` that a worker may acknowledge messages.
import { tryAcknowledging } from '../../adapters/nats/acknowledging.ts';
import { DEFAULT_CONSUMER } from '../../adapters/nats/inbox.ts';
import { natsOptions } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';

/** @throws TocsinError `nats_permissions` when the server denies acknowledgements */
export async function checkAcknowledging(config: Config): Promise<string> {
  await tryAcknowledging(natsOptions(config), config.stream, DEFAULT_CONSUMER);
  return 'this user may acknowledge messages, as a worker must';
}
