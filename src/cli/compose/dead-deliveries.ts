// The dead deliveries of the worker's list, for metrics.
import { existsSync } from 'node:fs';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import type { DeadDeliveries } from '../../adapters/telemetry/instruments.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { DeliveryIndexReader } from '../../kernel/processes/delivery/delivery-index.ts';
import type { Config } from '../config/config.ts';
import { deliveriesFile } from './delivery.ts';

/** Reads the list at each call; none before the worker has made it. Dispose it to close the list. */
export function deadDeliveries(
  config: Config,
  logger: Logger,
): Disposable & { readonly count: DeadDeliveries } {
  const file = deliveriesFile(config);
  let list: DeliveryIndexReader | undefined;
  return {
    count() {
      try {
        list ??= existsSync(file) ? openDeliveryIndexReader(file) : undefined;
        return list?.groups({ status: 'dead' }) ?? [];
      } catch (error) {
        // The metrics of the projector must not end with a damaged list, which the worker reports.
        logger.warn({ err: error }, 'the dead deliveries could not be counted');
        return [];
      }
    },
    [Symbol.dispose]() {
      list?.[Symbol.dispose]();
    },
  };
}
