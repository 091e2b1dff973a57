// A worker as a process of its own, that is killed by itself right after one of its appends is in the
// store: `mortal-worker.ts FOLDER APPEND`, with 0 for never. It ends when the folder's task is dealt with.
import { join } from 'node:path';
import {
  BUILT_IN_DETECTORS,
  DUE_JOB_INDEX,
  openTaskFiles,
  scannerProcess,
  taskEvaluator,
  taskFollowerProcess,
} from '../../src/schedule.ts';
import { embeddedStore, openKernel, type EventStore } from '../../src/index.ts';
import {
  EVALUATION_INDEX,
  evaluationProcess,
  openWorker,
  systemRuntime,
} from '../../src/delivery.ts';
import { sqliteDueIndexes } from '../../src/sqlite.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const [folder = '.', dieAfter = '0'] = process.argv.slice(2);
const inner = await embeddedStore({ file: join(folder, 'events.db') });
const stop = new AbortController();
let appends = 0;
const store: EventStore = {
  readStream: (...args) => inner.readStream(...args),
  readAll: (...args) => inner.readAll(...args),
  subscribeAll: (...args) => inner.subscribeAll(...args),
  [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  async append(stream, ...rest) {
    const result = await inner.append(stream, ...rest);
    // What opens a log is not the worker's.
    if (!stream.endsWith('.control')) appends += 1;
    if (appends === Number(dieAfter)) process.kill(process.pid, 'SIGKILL');
    return result;
  },
};

await using kernel = await openKernel({ ...scheduleProduct, store, evaluation: 'later' });
using indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId: kernel.storeId });
await using source = await openTaskFiles({
  path: join(folder, 'tasks.ndjson'),
  watch: false,
  now: Date.now,
});
const common = { ...systemRuntime(), store, source, detectors: BUILT_IN_DETECTORS };
const worker = openWorker({
  processes: [
    taskFollowerProcess(common),
    scannerProcess({ ...common, kernel, index: indexes.open(DUE_JOB_INDEX) }),
    evaluationProcess({
      ...scheduleProduct,
      store,
      index: indexes.open(EVALUATION_INDEX),
      evaluate: taskEvaluator({ source }).evaluate,
    }),
  ],
});
const working = worker.run(stop.signal);
const types = new Set<string>();
for await (const page of inner.subscribeAll({ prefixes: ['tocsin.'], signal: stop.signal })) {
  for (const entry of page) if (entry.kind === 'event') types.add(entry.event.type);
  if (types.has('DueJobTriggered') && types.has('PreviewOffered')) stop.abort();
}
await working;
await inner[Symbol.asyncDispose]();
