// A delivery worker as a process of its own, on a front and a broker, as an application that embeds the
// kernel runs it. Every user's channel is the one receiver; its address names the attempt.
//
//   node test/harness/delivery-worker.ts STORE NATS RECEIVER FOLDER [POINT]     dies at the point, if given
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { jsonLogger } from '../../src/adapters/logging/pino.ts';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { Sender } from '../../src/domain/ports/sender.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import { failpoints, wrapped } from './failpoints.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Short, so that whoever dies is not waited for long, with ten seconds for an append on a busy machine. */
const LEASE_MS = 15_000;
/** Few, because what is begun at once shares the store's time. */
const CONCURRENCY = 32;
const RETRY_MS = 100;
const secret = `whsec_${Buffer.from('a-key-of-twenty-four-byt').toString('base64')}`;

const [connectionString = '', servers = '', receiver = '', folder = '.', point] =
  process.argv.slice(2);
const { around } = failpoints(
  (reached) => reached === point,
  () => {
    process.kill(process.pid, 'SIGKILL');
  },
);
const stop = new AbortController();
process.on('SIGTERM', () => {
  stop.abort();
});

await using opened = eventStoreDb({ connectionString });
const store = wrapped.store(opened, around);

/** Opening needs the store; it may be away for a moment. */
async function storeIdOf(): Promise<string> {
  for (;;) {
    try {
      return (await openKernel({ ...scheduleProduct, store: opened })).storeId;
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
      await sleep(RETRY_MS);
    }
  }
}

const storeId = await storeIdOf();
mkdirSync(folder, { recursive: true });
using indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId });
const call = channelSender({ addresses: { ports: [], privateTargets: true } });
const numbered: Sender = (message, target, signal) =>
  call(message, { ...target, url: `${target.url}?attempt=${message.attempt}` }, signal);
const logger = jsonLogger({ level: 'error' });
const worker = openWorker({
  logger,
  processes: deliveryProcesses({
    texts: scheduleProduct.texts,
    store,
    requests: wrapped.requests(jetStreamInbox({ servers, logger }), around),
    indexes: wrapped.indexes(indexes, around),
    lookup: (userId, channel) => {
      const url = `${receiver}/${channel}/${userId}`;
      const target = { channel: 'webhook', kind: 'webhook', version: 1, url, secret } as const;
      return Promise.resolve({ kind: 'open', target });
    },
    send: wrapped.send(numbered, around),
    leaseMs: LEASE_MS,
    concurrency: CONCURRENCY,
    profile: { waits: [200, 400, 800, 1_000, 1_000, 1_000, 1_000, 1_000] },
    logger,
    onCaughtUp: () => {
      process.stdout.write('ready\n');
    },
  }),
});
await worker.run(stop.signal);
