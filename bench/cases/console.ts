// `console`: how long the server takes for each page of the console over a long history, with the filters that find
// much, little and nothing.
import { createConsole } from '../../src/adapters/http/console/app.ts';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openDeliveryIndexReader } from '../../src/adapters/sqlite/delivery-index.ts';
import { openReadModelReader, temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { createTokens } from '../../src/kernel/access/tokens.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';
import { createDeliveries } from '../../src/kernel/deliveries.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { createParked } from '../../src/kernel/parked.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { consoleFiles, fillConsoleFiles, type ConsoleFiles } from '../support/console-files.ts';

const LIMIT_MS = 200;
/** Calls of each page; the first is slower, since caches are cold. */
const CALLS = 9;

export async function benchConsole({ sizes, folder, say }: Surroundings): Promise<Report> {
  const requests = sizes.lines;
  const files = consoleFiles(folder);
  await fillConsoleFiles(files, requests, say);
  const pages = await measurePages(files, say);
  const slowest = pages.reduce((most, page) => (page.median > most.median ? page : most));
  return {
    case: 'console',
    figures: { unit: 'ms', requests, pages },
    targets: [{ what: `ms for ${slowest.page}`, reached: slowest.median, below: LIMIT_MS }],
    lines: pages.map(
      ({ page, median, cpu, first, most, bytes }) =>
        `${page.padEnd(44)}  ${shown(median, 1)} ms (${shown(cpu, 1)} of the processor, first ${shown(first, 1)}, most ${shown(most, 1)}), ${shown(bytes / 1024)} KB`,
    ),
  };
}

type Measured = {
  readonly page: string;
  readonly median: number;
  readonly first: number;
  /** Time of the processor: on a busy machine a page waits for it. */
  readonly cpu: number;
  readonly most: number;
  readonly bytes: number;
};

export async function measurePages(
  files: ConsoleFiles,
  say: (text: string) => void,
): Promise<readonly Measured[]> {
  await using store = await embeddedStore({ file: files.store, holder: 'npm run bench' });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  using list = openDeliveryIndexReader(files.deliveries);
  using app = createConsole({
    kernel,
    store,
    tokens: createTokens({ store }),
    deliveries: createDeliveries({ store, index: () => list }),
    parked: createParked({ store, state: () => ({ parked: () => [] }) }),
    audit: () => auditOn(files, store),
    types: scheduleProduct.triggers.map(({ type }) => type),
  });
  const ask = (path: string, cookie = ''): Promise<Response> =>
    app.fetch(new Request(`http://127.0.0.1${path}`, { headers: { cookie } }));
  const entered = await ask(app.oneTimePath());
  const cookie = (entered.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const results: Measured[] = [];
  for (const page of await pagesOf(files, store)) {
    say(`console: ${page}`);
    const times: number[] = [];
    const cpus: number[] = [];
    let bytes = 0;
    for (let call = 0; call < CALLS; call += 1) {
      const before = process.cpuUsage();
      const begun = performance.now();
      const response = await ask(`/console${page}`, cookie);
      bytes = (await response.arrayBuffer()).byteLength;
      times.push(performance.now() - begun);
      const { user, system } = process.cpuUsage(before);
      cpus.push((user + system) / 1000);
      if (response.status !== 200) throw new Error(`${page} was answered with ${response.status}`);
    }
    const [first = 0] = times;
    const spread = { median: medianOf(times), cpu: medianOf(cpus), most: Math.max(...times) };
    results.push({ page, first, ...spread, bytes });
  }
  return results;
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function auditOn({ state: file }: ConsoleFiles, log: EventStore) {
  const state = openReadModelReader(file, { snapshot: true });
  const close = (): Promise<void> => {
    state[Symbol.dispose]();
    return Promise.resolve();
  };
  const audit = createAudit({ log, scratch: temporaryReadModel, state });
  return { ...audit, [Symbol.asyncDispose]: close };
}

/** Every page, with the filters that find much, little and nothing. */
async function pagesOf(files: ConsoleFiles, store: EventStore): Promise<readonly string[]> {
  await using audit = auditOn(files, store);
  const [suppressed] = (await audit.requests({ user: '7', verdict: 'suppressed', limit: 1 }))
    .requests;
  const [published] = (await audit.requests({ user: '7', verdict: 'published', limit: 1 }))
    .requests;
  const stream = `tocsin.control`;
  return [
    ...['', '?span=day', '/notifications', '/notifications?user=7', '/notifications?user=nobody'],
    ...['/notifications?verdict=published', '/notifications?reason=silenced'],
    ...['/notifications?type=unfinished_feedback', '/notifications?target=1'],
    ...['/notifications?target_type=nothing', '/notifications?channel=webhook'],
    ...['/notifications?status=dead', '/notifications?status=cancelled'],
    ...['/notifications?from=1990-01-01&to=1990-01-02', '/notifications?user=7&target=1'],
    ...['/notifications?before=500000-0', '/notifications.json'],
    `/story/${suppressed?.triggerId}`,
    `/story/${published?.notificationId}`,
    ...['/users/7', '/users/7?span=day', '/users/nobody', '/policies'],
    ...['/deliveries', '/deliveries?status=dead', '/deliveries?status=dead&try=1'],
    ...['/deliveries?status=cancelled', '/deliveries?channel=webhook', '/deliveries?user=7'],
    ...['/deliveries?reason=nothing', '/deliveries?reason=no_channel'],
    ...['/deliveries?from=2020-01-01', '/deliveries?from=2100-01-01'],
    ...['/deliveries?status=dead&channel=webhook&from=2020-01-01', '/deliveries?before=10'],
    ...['/deliveries?channel=nothing', '/deliveries?user=7&from=2020-01-01'],
    ...['/parked', '/streams', `/streams/${stream}`, '/audit'],
  ];
}
