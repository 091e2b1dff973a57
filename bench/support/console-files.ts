// The files of a long run behind the console: a log of raises by the kernel, its read model by the projector, and the
// list of deliveries by its own writer. Messages go nowhere, since no page reads them.
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { DeliveryRow } from '../../src/kernel/processes/delivery/delivery-index.ts';
import type { Output, OutputInfo } from '../../src/projections/output.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { IN_FLIGHT } from './store.ts';

/** Each user has a request every ten minutes: with windows of thirty, two of three are suppressed. */
const USERS = 20_000;
const STEP_MS = 10 * 60_000;
const BATCH = 5_000;
/** Of so many deliveries one is dead, and one was skipped. */
const RARE = 50;

export type ConsoleFiles = Readonly<Record<'store' | 'state' | 'deliveries', string>>;

export function consoleFiles(folder: string): ConsoleFiles {
  const file = (name: string): string => join(folder, name);
  return { store: file('log.db'), state: file('state.db'), deliveries: file('deliveries.db') };
}

/** @param from the instant of the first request */
function* inputsOf(count: number, from: number): Generator<RaiseInput, void, undefined> {
  for (let n = 0; n < count; n += 1) {
    const round = Math.floor(n / USERS);
    yield {
      userId: (n % USERS) + 1,
      triggerType: 'important_urgent_task',
      source: 'api_trigger',
      targetType: 'task_pool',
      targetId: round + 1,
      requestedAt: new Date(from + round * STEP_MS + (n % USERS)).toISOString(),
      payload: { round },
    };
  }
}

/** Fills the three files with `requests` requests for notifications. */
export async function fillConsoleFiles(
  files: ConsoleFiles,
  requests: number,
  say: (text: string) => void,
): Promise<void> {
  await using store = await embeddedStore({ file: files.store, holder: 'npm run bench' });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  const from = Date.now() - (Math.ceil(requests / USERS) + 1) * STEP_MS;
  let raised = 0;
  const options = { concurrency: IN_FLIGHT };
  for await (const { outcome } of kernel.raiseAll(inputsOf(requests, from), options)) {
    if (outcome !== 'raised') throw new Error(`a request of the bench was answered: ${outcome}`);
    raised += 1;
    if (raised % 100_000 === 0) say(`console: ${raised} requests raised`);
  }
  say('console: projecting them');
  await projectConsole(files, store);
  say('console: writing the list of deliveries');
  fillDeliveries(files, kernel.storeId);
}

/** Makes the read model alone. */
export async function projectConsole(
  files: ConsoleFiles,
  store: Awaited<ReturnType<typeof embeddedStore>>,
): Promise<void> {
  using state = sqliteReadModel({ file: files.state });
  await openProjector({ store, state, output: discardingOutput() }).once();
}

/** One row for each verdict, so that the list is as long as the history. */
export function fillDeliveries(files: ConsoleFiles, storeId: string): void {
  using list = sqliteDeliveryIndex({ file: files.deliveries, storeId });
  using state = openReadModelReader(files.state, { snapshot: true });
  let rows: DeliveryRow[] = [];
  const commit = (): void => {
    list.commit({ position: { commit: 1n, prepare: 1n }, rows, marks: [] });
    rows = [];
  };
  let number = 0;
  for (const verdict of state.verdicts()) {
    const { event, messageId, user, triggerType, windowStart } = verdict;
    const at = windowStart ?? 0;
    number += 1;
    const status = number % RARE === 0 ? 'dead' : number % RARE === 1 ? 'skipped' : 'delivered';
    rows.push({
      notificationId: messageId ?? event,
      stream: `tocsin.notification-00-${event}`,
      userId: user ?? '',
      triggerType: triggerType ?? '',
      channel: number % 3 === 0 ? 'webhook' : 'feishu',
      triggerId: 'ast_',
      previewId: 'asp_',
      status,
      attempts: 1,
      reason: status === 'dead' ? 'address_gone' : status === 'skipped' ? 'no_channel' : null,
      dueAt: null,
      requestedAt: at,
      expiresAt: at + 3_600_000,
      changedAt: at + 1_000,
    });
    if (rows.length === BATCH) commit();
  }
  commit();
}

/** Takes all messages and keeps none. */
function discardingOutput(): Output {
  let stream: OutputInfo | undefined;
  const stored = { firstSequence: 1n, faults: [], warnings: [] };
  return {
    stream: 'TOCSIN',
    connect: () =>
      Promise.resolve({
        info: () => Promise.resolve(stream),
        create(description) {
          const made = { stream: 'TOCSIN', created: new Date().toISOString(), description };
          stream = { ...stored, ...made, lastSequence: 0n };
          return Promise.resolve(stream);
        },
        read: () => Promise.resolve(undefined),
        publish(first, messages) {
          if (stream) stream = { ...stream, lastSequence: first + BigInt(messages.length) - 1n };
          return Promise.resolve();
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}
