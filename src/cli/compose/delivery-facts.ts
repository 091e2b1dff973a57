// What the worker's list says about its deliveries, for metrics.
import { existsSync } from 'node:fs';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import type { DeliveryFacts } from '../../adapters/telemetry/instruments.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { DeliveryIndexReader } from '../../kernel/processes/delivery/delivery-index.ts';
import type { Config } from '../config/config.ts';
import { deliveriesFile } from './delivery.ts';

const NOTHING: DeliveryFacts = { dead: [] };

/** Reads the list at each call; nothing before the worker has made it. Dispose it to close the list. */
export function deliveryFacts(
  config: Config,
  logger: Logger,
): Disposable & { readonly read: () => DeliveryFacts } {
  const file = deliveriesFile(config);
  let list: DeliveryIndexReader | undefined;
  return {
    read() {
      try {
        list ??= existsSync(file) ? openDeliveryIndexReader(file) : undefined;
        if (list === undefined) return NOTHING;
        const oldest = list.oldest(['waiting', 'attempting']);
        return {
          dead: list.groups({ status: 'dead' }),
          byStatus: list.counts(),
          oldestWaiting: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1_000,
        };
      } catch (error) {
        // The metrics of the projector must not end with a damaged list, which the worker reports.
        logger.warn({ err: error }, 'the list of deliveries could not be read for metrics');
        return NOTHING;
      }
    },
    [Symbol.dispose]() {
      list?.[Symbol.dispose]();
    },
  };
}
