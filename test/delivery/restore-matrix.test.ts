// Every combination of an old and a new log, state file, stream, worker's folder and vault: it goes on, and nothing is lost
// or doubled, or a process refuses with the right code. On files in one process; test/faults has it with real servers.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { sqliteInbox } from '../../src/adapters/sqlite/messages/inbox.ts';
import { sqliteOutput } from '../../src/adapters/sqlite/messages/output.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { parseVaultKeys } from '../../src/adapters/sqlite/vault/keys.ts';
import { sqliteVault } from '../../src/adapters/sqlite/vault/sqlite-vault.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { DeliveryStatus } from '../../src/domain/delivery/effects.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import { sealedStore } from '../../src/kernel/sealing/sealed-store.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { untilStalled } from '../support/until.ts';
import { anInput, QUICK, raised } from '../support/world.ts';
import { COMBINATIONS, copiesOf, expectedOf, nameOf } from './restore-matrix.support.ts';

const keys = parseVaultKeys(Buffer.alloc(32, 7).toString('base64'));
const copies = copiesOf({
  log: 'store.db',
  state: 'state.db',
  stream: 'messages.db',
  worker: 'worker',
  vault: 'vault.db',
});
const at = (name: string): string => join(copies.live, name);
/** The calls of the channel by user, over all times. */
let calls = new Map<string, number>();
/** What the world outside has seen before a restore. */
const before = { old: new Map<string, number>(), new: new Map<string, number>() };

type Open = {
  readonly kernel: Kernel;
  readonly project: () => Promise<string>;
  /** Runs a worker until no delivery is under way, or waits for secrets. @returns its refusal */
  readonly work: (
    isDone: (counts: Partial<Record<DeliveryStatus, number>>) => boolean,
  ) => Promise<string>;
  readonly put: (user: number, path: string) => Promise<void>;
};

/** The code of a refusal; an outage is none. */
async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'goes_on';
  } catch (error) {
    if (error instanceof TocsinError && error.kind === 'refused') return error.code;
    throw error;
  }
}

/** Opens what is in place. */
async function withParts(use: (open: Open) => Promise<void>): Promise<void> {
  await using log = await embeddedStore({ file: at('store.db') });
  using vault = sqliteVault({ file: at('vault.db'), keys });
  const store = sealedStore(log, vault);
  const send = () => Promise.reject(new Error('the kernel sends nothing'));
  const kernel = await openKernel({ ...scheduleProduct, store: log, vault, send });
  using state = sqliteReadModel({ file: at('state.db') });
  const messages = { file: at('messages.db') };
  mkdirSync(at('worker'), { recursive: true });
  const work: Open['work'] = (isDone) =>
    codeOf(async () => {
      const { storeId } = kernel;
      using indexes = sqliteDueIndexes({ file: at('worker/due.db'), storeId });
      using list = sqliteDeliveryIndex({ file: at('worker/deliveries.db'), storeId });
      const stop = new AbortController();
      const processes = deliveryProcesses({
        store,
        requests: sqliteInbox(messages),
        letThrough: state,
        indexes,
        list,
        lookup: kernel.channels.lookup,
        texts: scheduleProduct.texts,
        send: ({ userId }) => {
          calls.set(userId, (calls.get(userId) ?? 0) + 1);
          return Promise.resolve({ outcome: 'accepted', code: '0' });
        },
      });
      const running = openWorker({ processes }).run(stop.signal);
      // A refusal ends the wait too; it is thrown below.
      running.catch(() => {
        stop.abort();
      });
      await untilStalled(
        'the worker to be done',
        () => JSON.stringify(list.counts()),
        () => stop.signal.aborted || isDone(list.counts()),
      ).finally(() => {
        stop.abort();
      });
      await running;
    });
  await use({
    kernel,
    work,
    project: () =>
      codeOf(() =>
        openProjector({ store: log, state, output: sqliteOutput(messages), timing: QUICK }).once(),
      ),
    async put(user, path) {
      const url = `https://www.feishu.cn/flow/api/trigger-webhook/${path.padStart(32, '0')}`;
      expect(
        await kernel.channels.put({ userId: String(user), channel: 'feishu', url }),
      ).toMatchObject({
        outcome: 'changed',
      });
    },
  });
}

async function notify(kernel: Kernel, users: readonly number[]): Promise<void> {
  for (const userId of users) await raised(kernel, anInput(userId, { userId }));
}

// Old: users 1 to 3 have got their notification. New: user 2 has another address, 4 and 5 have got theirs, 6 is in the
// stream and not taken, 7 is in the log and not in the stream.
beforeAll(async () => {
  await withParts(async ({ kernel, project, work, put }) => {
    for (const user of [1, 2, 3]) await put(user, String(user));
    await notify(kernel, [1, 2, 3]);
    expect(await project()).toBe('goes_on');
    expect(await work(({ delivered }) => delivered === 3)).toBe('goes_on');
  });
  copies.keep('old');
  before.old = new Map(calls);
  await withParts(async ({ kernel, project, work, put }) => {
    await put(2, '22');
    for (const user of [4, 5, 6, 7]) await put(user, String(user));
    await notify(kernel, [4, 5]);
    expect(await project()).toBe('goes_on');
    expect(await work(({ delivered }) => delivered === 5)).toBe('goes_on');
    await notify(kernel, [6]);
    expect(await project()).toBe('goes_on');
    await notify(kernel, [7]);
  });
  copies.keep('new');
  before.new = new Map(calls);
});

afterAll(() => {
  copies.remove();
});

const sorted = (map: ReadonlyMap<string, number>): readonly (readonly [string, number])[] =>
  [...map].toSorted(([a], [b]) => a.localeCompare(b));

test.each(COMBINATIONS.map((combination) => [nameOf(combination), combination] as const))(
  'a deployment restored as %s goes on with nothing lost or doubled, or refuses',
  async (_name, combination) => {
    copies.put(combination);
    const expected = expectedOf(combination);
    const isNew = combination.log === 'new';
    const told = isNew ? [1, 2, 3, 4, 5, 6, 7] : [1, 2, 3];
    // Secrets and keys of 6 and 7 are newer than the old vault.
    const late = isNew && expected.waits ? [6, 7] : [];
    calls = new Map(before[combination.log]);
    await withParts(async ({ project, work }) => {
      expect(await project()).toBe(expected.projector);
      // A worker beside a projector that refused goes on with what was accepted.
      const settled = await work(({ delivered = 0, waiting = 0 }) => {
        return delivered + waiting === told.length && waiting === late.length;
      });
      expect(settled).toBe(expected.worker);
    });
    const now = told.filter((user) => !late.includes(user));
    expect(sorted(calls)).toEqual(now.map((user) => [String(user), 1]));
    if (expected.projector !== 'goes_on' || expected.worker !== 'goes_on') {
      // The way on that each refusal names first: the newer log, with what belongs to it. The stream stays as it is.
      copies.put({ log: 'new', state: 'new', worker: 'new', vault: 'new' });
      calls = new Map(before.new);
      await withParts(async ({ project, work }) => {
        expect(await project()).toBe('goes_on');
        expect(await work(({ delivered }) => delivered === 7)).toBe('goes_on');
      });
      expect(sorted(calls)).toEqual([1, 2, 3, 4, 5, 6, 7].map((user) => [String(user), 1]));
      return;
    }
    // What waited is delivered once when the vault of the log is back.
    if (late.length > 0) copies.put({ vault: 'new' });
    await withParts(async ({ kernel, project, work, put }) => {
      await put(2, '92');
      await put(8, '8');
      await notify(kernel, [8]);
      expect(await project()).toBe('goes_on');
      expect(await work(({ delivered }) => delivered === told.length + 1)).toBe('goes_on');
    });
    expect(sorted(calls)).toEqual([...told, 8].map((user) => [String(user), 1]));
  },
);
