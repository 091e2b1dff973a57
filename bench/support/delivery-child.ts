// A worker that ends as if killed once everything that waits is in its indexes and what was due is sent.
// `node delivery-child.ts FOLDER ORIGIN WAITING DUE`
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { keepHeapSmall } from '../../src/cli/config/small-heap.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import { lookupAt, senderTo } from './delivery.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

// As the command line does.
keepHeapSmall();

const [folder = '', origin = '', waiting = '', due = ''] = process.argv.slice(2);

const store = await embeddedStore({ file: join(folder, 'events.db'), holder: 'npm run bench' });
const { storeId } = await openKernel({ ...scheduleProduct, store });
const indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId });
const list = sqliteDeliveryIndex({ file: join(folder, 'list.db'), storeId });
let isCaughtUp = false;
const processes = deliveryProcesses({
  texts: scheduleProduct.texts,
  store,
  // What there is to accept was accepted before.
  requests: {
    run: ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      }),
  },
  indexes,
  list,
  lookup: lookupAt(origin),
  send: senderTo(origin),
  onCaughtUp: () => {
    isCaughtUp = true;
  },
});
const running = openWorker({ processes }).run(new AbortController().signal);

const isDone = (): boolean => {
  const { waiting: left, delivered } = list.counts();
  return isCaughtUp && left === Number(waiting) && delivered === Number(due);
};
while (!isDone()) await Promise.race([running, sleep(50)]);
process.exit(0);
