// A crash at each point between two effects, and at each pair of them: every one, not a sample. After
// each, a restart goes through the same work again, and everything is as if nothing had happened.
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import {
  fixedClock,
  memoryReadModel,
  memoryReadModelStore,
  recordingOutput,
} from '../../src/testing.ts';
import { failpoints, witness, wrapped, type Failpoints, type Witness } from './failpoints.ts';
import { SMALL_WORK_EFFECTS } from './small-work.ts';
import { oracle } from '../oracle/oracle.mjs';
import { decidedList, storedList } from '../support/decided.ts';
import { seededRandom } from '../support/random.ts';
import { inSmallPages, QUICK, START } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { SLOW_TEST_MS, LONG_PROOF_MS } from '../support/timeouts.ts';

const line = (user: number, target: number, more: object = {}) => ({
  userId: user,
  triggerType: 'important_urgent_task',
  source: 'api_trigger',
  targetType: 'task_pool',
  targetId: target,
  requestedAt: START,
  ...more,
});

/** A message of each kind, one suppressed, one with a key that comes twice; then more. */
const FIRST = [line(1, 1), line(1, 2, { idempotencyKey: 'k' }), line(2, 3)];
const LATER = [line(1, 2, { idempotencyKey: 'k' }), line(3, 4)];

type Input = (typeof FIRST)[number];

/** The same lines as a file has them, for the oracle. */
const asFile = (lines: readonly Input[]): string =>
  lines
    .map(({ userId, targetId, ...rest }) =>
      JSON.stringify({
        user_id: userId,
        target_id: targetId,
        trigger_type: rest.triggerType,
        target_type: rest.targetType,
        requested_at: rest.requestedAt,
        ...('idempotencyKey' in rest ? { idempotency_key: rest.idempotencyKey } : {}),
      }),
    )
    .join('\n');

/** What survives a process. */
function disk() {
  return {
    store: memoryStore(),
    output: recordingOutput(),
    file: memoryReadModelStore(),
    clock: fixedClock(START),
  };
}
type Disk = ReturnType<typeof disk>;

type Life = {
  readonly points: Failpoints;
  readonly witness: Witness;
  readonly end: 'died' | 'done';
};
type Work = (process: Process) => Promise<void>;
type Process = {
  readonly store: EventStore;
  readonly disk: Disk;
  readonly raise: (lines: readonly object[]) => Promise<void>;
  readonly project: (way?: 'from_now') => Promise<void>;
};

/** One process from its start to its death, or to the end of its work. */
async function live(disk: Disk, work: Work, diesAt: number | undefined): Promise<Life> {
  const points = failpoints((_point, n) => n === diesAt);
  const seen = witness(points);
  const store = wrapped.store(wrapped.store(disk.store, seen.around), points.around);
  const output = wrapped.output(wrapped.output(disk.output, seen.around), points.around);
  const state: ReadModel = wrapped.state(
    wrapped.state(disk.file.open(), seen.around),
    points.around,
  );
  const stop = new AbortController();
  const process: Process = {
    store,
    disk,
    async raise(lines) {
      const kernel = await openKernel({ ...scheduleProduct, store, clock: disk.clock });
      for await (const { outcome } of kernel.raiseAll(lines)) {
        expect(['raised', 'duplicate']).toContain(outcome);
      }
    },
    async project(way) {
      const paged = inSmallPages(store, 2);
      const { clock } = disk;
      const projector = openProjector({ store: paged, output, state, clock, timing: QUICK });
      const options = way === undefined ? {} : { recoveryMode: { kind: way } };
      await projector.once(options, stop.signal);
    },
  };
  const done = work(process).then(() => 'done' as const);
  const died = points.death.then(() => 'died' as const);
  const end = await Promise.race([died, done]);
  if (end === 'died') {
    stop.abort();
    // Its connections close; nothing that it does from here on has an effect.
    done.catch(() => undefined);
    disk.output.disconnect();
  }
  return { points, witness: seen, end };
}

const wholeWork: Work = async ({ raise, project }) => {
  await raise(FIRST);
  await project();
  await raise(LATER);
  await project();
};

/** Less of the same, because pairs are many. */
const shortWork: Work = async ({ raise, project }) => {
  await raise(FIRST.slice(0, 2));
  await project();
};

async function expectAsIfNothingHappened(
  disk: Disk,
  at: string,
  lines: readonly Input[] = [...FIRST, ...LATER],
): Promise<void> {
  expect(storedList(disk.output), at).toEqual(await decidedList(disk.store));
  const { raised, published, suppressed, dedupe_keys_sha256 } = oracle(asFile(lines));
  const replayed = memoryReadModel();
  const again = await replay(disk.store, replayed, 'tocsin');
  expect(again, at).toMatchObject({
    triggers: raised,
    published,
    suppressed,
    parked: 0,
    dedupeKeysSha256: dedupe_keys_sha256,
  });
  const placeless = ({ verdicts, sentNotifications }: ReturnType<typeof replayed.snapshot>) => ({
    sentNotifications,
    verdicts: verdicts.map((verdict) => ({ ...verdict, sequence: null })),
  });
  expect(placeless(disk.file.snapshot()), at).toEqual(placeless(replayed.snapshot()));
}

/** Crashes at every point of the work; `then` checks what is left, with the name of the point. */
async function atEachPoint(
  prepare: () => Promise<Disk>,
  work: Work,
  then: (prepared: Disk, at: string) => Promise<void>,
): Promise<readonly string[]> {
  const undisturbed = await live(await prepare(), work, undefined);
  const { reached } = undisturbed.points;
  for (const [n, point] of reached.entries()) {
    const prepared = await prepare();
    const { end } = await live(prepared, work, n);
    expect([end, point]).toEqual(['died', point]);
    await then(prepared, `${n} ${point}`);
  }
  return reached;
}

describe('failpoints', () => {
  it('surround every kind of effect', async () => {
    const { points, witness: seen } = await live(disk(), wholeWork, undefined);
    expect(seen.unguarded).toEqual([]);
    const moments = (moment: string) => points.reached.filter((p) => p.endsWith(moment)).length;
    expect(seen.calls()).toBeGreaterThan(10);
    expect([moments(' before'), moments(' after')]).toEqual([seen.calls(), seen.calls()]);
    const effects = points.reached.map((point) => point.replace(/ (before|sent|after)$/, ''));
    expect(new Set(effects)).toEqual(new Set(SMALL_WORK_EFFECTS));
  });

  it('tell of an effect that comes from elsewhere', async () => {
    const points = failpoints(() => false);
    const seen = witness(points);
    const bypassed = wrapped.store(memoryStore(), seen.around);
    await bypassed.append('tocsin.trigger-00-x', 'no_stream', []);
    expect(seen.unguarded).toEqual(['append trigger undefined']);
  });

  it('refuse a port with a method that nobody has classified', () => {
    const more = { ...memoryStore(), truncate: () => undefined };
    const store = wrapped.store(more, (_effect, call) => call());
    expect(() => Reflect.get(store, 'truncate') as unknown).toThrow(/neither an effect nor a read/);
  });
});

/** Lives that die where a seed says, until one gets to its end: every point of every one of them. */
async function schedule(seed: number): Promise<readonly (readonly string[])[]> {
  const random = seededRandom(seed);
  const left = disk();
  const lives: (readonly string[])[] = [];
  for (;;) {
    const { points, end } = await live(left, wholeWork, Math.floor(random() * 40));
    lives.push([...points.reached, end]);
    if (end === 'done') return lives;
  }
}

describe('seed', () => {
  it(
    'repeats its schedule and faults, and another seed has others',
    async () => {
      const [first, again, other] = [await schedule(3), await schedule(3), await schedule(4)];
      expect(again).toEqual(first);
      expect(other).not.toEqual(first);
      expect(first.length).toBeGreaterThan(2);
    },
    SLOW_TEST_MS,
  );
});

describe('crash', () => {
  const fresh = () => Promise.resolve(disk());

  it(
    'loses no message and stores none twice at each failpoint',
    async () => {
      const points = await atEachPoint(fresh, wholeWork, async (prepared, at) => {
        expect((await live(prepared, wholeWork, undefined)).end).toBe('done');
        await expectAsIfNothingHappened(prepared, at);
      });
      expect(points.length).toBeGreaterThan(30);
    },
    SLOW_TEST_MS,
  );

  it(
    'loses no message and stores none twice at each failpoint and at each failpoint of the recovery',
    async () => {
      const { reached } = (await live(disk(), shortWork, undefined)).points;
      /** All crashes of the recovery from one crash; how many there were. */
      const after = async (first: number): Promise<number> => {
        for (let second = 0; ; second++) {
          const prepared = disk();
          await live(prepared, shortWork, first);
          const recovery = await live(prepared, shortWork, second);
          const at = `${first}, then ${second} of the recovery`;
          if (recovery.end === 'died') {
            expect((await live(prepared, shortWork, undefined)).end, at).toBe('done');
          }
          await expectAsIfNothingHappened(prepared, at, FIRST.slice(0, 2));
          if (recovery.end === 'done') return second;
        }
      };
      // Beside each other: most of their time is waiting.
      const pairs = await Promise.all(reached.map((_, first) => after(first)));
      const total = pairs.reduce((sum, n) => sum + n, 0);
      process.stdout.write(`crashes: ${reached.length} points, ${total} pairs\n`);
      expect(total).toBeGreaterThan(reached.length * 5);
    },
    LONG_PROOF_MS,
  );

  it(
    'loses no message and sends no history at each failpoint of a recovery mode',
    async () => {
      const replaced = async (): Promise<Disk> => {
        const made = disk();
        await live(made, wholeWork, undefined);
        made.output.recreate();
        return made;
      };
      const wayOn: Work = async ({ raise, project }) => {
        await project('from_now');
        await raise([line(7, 7)]);
        await project();
      };
      const points = await atEachPoint(replaced, wayOn, async (prepared, at) => {
        expect((await live(prepared, wayOn, undefined)).end).toBe('done');
        const subjects = prepared.output.messages.map(({ subject }) => subject.split('.').at(-1));
        // The one that was raised after the decision, or none if a later decision came after it.
        expect(subjects, at).toEqual(['7', '7']);
      });
      expect(points).toEqual(expect.arrayContaining(['reset before', 'reset after']));
    },
    SLOW_TEST_MS,
  );
});
