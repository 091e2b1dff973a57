// Due jobs under outages, crashes and several scanners. Each weakness of the system that this replaces
// is planted once (docs/weaknesses.md), and the same scenario then fails.
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { urgentTask } from '../../src/schedule/detectors/urgent-task.ts';
import { formatInstant } from '../../src/domain/core/instants.ts';
import type { Detector } from '../../src/schedule/detectors/detector.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { TaskSource } from '../../src/schedule/tasks/task-source.ts';
import type { ScannerOptions } from '../../src/schedule/scanner.ts';
import { eventsOf } from '../support/world.ts';
import { until } from '../support/until.ts';
import { BEGIN, jobWorld, MINUTE, type JobWorld } from './jobs.support.ts';

const isTriggered = ({ status }: { readonly status: string }): boolean => status === 'triggered';
const isPending = ({ status }: { readonly status: string }): boolean => status === 'pending';

/** The number of triggers in the log. */
async function triggers(world: JobWorld): Promise<number> {
  return (await world.types()).filter((type) => type === 'TriggerRaised').length;
}

describe('the scanner', () => {
  test('checks in this order: found, completed, threshold set, threshold reached, priority, timetable', async () => {
    const outcomes: string[] = [];
    const cases: ((host: JobWorld['host']) => void)[] = [
      (host) => {
        host.drop('7');
      },
      (host) => {
        host.set({ completed: true, urgencyThresholdAt: undefined, priority: 4 });
      },
      (host) => {
        host.set({ urgencyThresholdAt: undefined, priority: 4 });
      },
      (host) => {
        host.set({ urgencyThresholdAt: BEGIN + 99 * MINUTE, priority: 4 });
      },
      (host) => {
        host.set({ priority: 3 });
        host.block({ taskId: '7' });
      },
      (host) => {
        host.block({ taskId: '7' });
      },
      (host) => {
        host.block({ taskId: '8' });
      },
    ];
    for (const change of cases) {
      await using world = await jobWorld(memoryStore());
      world.follow();
      world.host.set({});
      await world.until('task', '7', 'pending', isPending);
      await world.stop();
      change(world.host);
      world.time.advance(10 * MINUTE);
      world.scan();
      const dueAt = BEGIN + 10 * MINUTE;
      const job = await world.until('task', '7', 'inspected', (state) => state.dueAt !== dueAt);
      outcomes.push(`${job.status} ${job.code ?? ''}`.trim());
    }
    expect(outcomes).toEqual([
      'skipped task_not_found',
      'cancelled task_completed',
      'cancelled task_not_schedulable',
      'pending threshold_moved_future',
      'skipped task_not_important',
      'skipped task_already_scheduled',
      'triggered',
    ]);
  });

  test('raises one feedback trigger for a block that ended without completion, with its id and end', async () => {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan();
    world.host.block({ endAt: BEGIN + 90 * MINUTE });
    await world.until('block', 'b1', 'pending', isPending);
    world.time.advance(90 * MINUTE);
    const job = await world.until('block', 'b1', 'triggered', isTriggered);
    const trigger = await world.kernel.trigger(job.lastTriggerId ?? '');
    expect(trigger?.raised).toMatchObject({
      triggerType: 'unfinished_feedback',
      targetType: 'schedule_event',
      targetId: 'b1',
      feedbackId: `b1:${formatInstant(BEGIN + 90 * MINUTE)}`,
    });
  });

  test('raises no trigger for a completed block or for a block of a completed task', async () => {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan();
    world.host.set({ completed: true });
    world.host.block({ blockId: 'done' });
    world.host.block({ blockId: 'of-a-task', taskId: '7' });
    await world.until('block', 'done', 'pending', isPending);
    world.host.block({ blockId: 'done', completed: true });
    await world.until('block', 'done', 'cancelled', ({ status }) => status === 'cancelled');
    world.time.advance(90 * MINUTE);
    const job = await world.until(
      'block',
      'of-a-task',
      'cancelled',
      (s) => s.status === 'cancelled',
    );
    expect(job.code).toBe('task_completed');
    expect(await triggers(world)).toBe(0);
  });

  test('retries until the task can be read', async () => {
    await using world = await jobWorld(memoryStore());
    let away = true;
    const source: TaskSource = {
      ...world.host.source,
      task: (user, task) =>
        away ? Promise.reject(new Error('the host is away')) : world.host.source.task(user, task),
    };
    world.follow();
    world.scan({ source });
    world.host.set({ urgencyThresholdAt: BEGIN });
    const failed = await world.until('task', '7', 'failed', ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ code: 'task_read_failed', failures: 1 });
    world.time.advance(5_000);
    await world.until('task', '7', 'failed again', ({ failures }) => failures === 2);
    away = false;
    world.time.advance(10_000);
    await world.until('task', '7', 'triggered', isTriggered);
  });

  test('inspects a task on the timetable again when its block is removed', async () => {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan();
    world.host.block({ taskId: '7' });
    world.host.set({ urgencyThresholdAt: BEGIN });
    await world.until('task', '7', 'skipped', ({ status }) => status === 'skipped');
    world.host.unblock('b1');
    await world.until('task', '7', 'triggered', isTriggered);
  });

  test('inspects a task on the timetable again when its block is over', async () => {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan();
    world.host.block({ taskId: '7' });
    world.host.set({ urgencyThresholdAt: BEGIN });
    const job = await world.until('task', '7', 'skipped', ({ status }) => status === 'skipped');
    expect(job.dueAt).toBe(BEGIN + 90 * MINUTE);
    world.time.advance(90 * MINUTE);
    await world.until('task', '7', 'triggered', isTriggered);
  });
});

describe('a detector that never inspects again (planted)', () => {
  /** Only a change of the task itself schedules a job again; failures are not retried. */
  const oldRule: Detector = {
    ...urgentTask,
    plan: (change) => (change.kind === 'block' ? undefined : urgentTask.plan(change)),
    async inspect(subject, context) {
      const inspection = await urgentTask.inspect(subject, context);
      if (inspection.kind === 'fail')
        return { kind: 'skip', code: inspection.code, fingerprint: 'old' };
      if (inspection.kind !== 'skip') return inspection;
      const { kind, code, fingerprint } = inspection;
      return { kind, code, fingerprint };
    },
  };

  /** Another triggered job shows that the scanner has made progress since. */
  const hasProgressed = async (world: JobWorld): Promise<void> => {
    world.host.set({ taskId: 'other', urgencyThresholdAt: world.time.now() });
    await world.until('task', 'other', 'triggered', isTriggered);
  };

  test('loses a task that could not be read', async () => {
    await using world = await jobWorld(memoryStore());
    const { source } = world.host;
    let away = true;
    const task: TaskSource['task'] = (user, id) =>
      away ? Promise.reject(new Error('the host is away')) : source.task(user, id);
    world.follow({ detectors: [oldRule] });
    world.scan({ detectors: [oldRule], source: { ...source, task } });
    world.host.set({ urgencyThresholdAt: BEGIN });
    await world.until('task', '7', 'skipped', ({ status }) => status === 'skipped');
    away = false;
    world.time.advance(10 * MINUTE);
    await hasProgressed(world);
    expect(await world.job('task', '7')).toMatchObject({ status: 'skipped', dueAt: undefined });
  });

  test.each<[string, (world: JobWorld) => void]>([
    [
      'is removed',
      ({ host }) => {
        host.unblock('b1');
      },
    ],
    [
      'is over',
      ({ time }) => {
        time.advance(120 * MINUTE);
      },
    ],
  ])('loses a task whose block %s', async (_what, change) => {
    await using world = await jobWorld(memoryStore());
    world.follow({ detectors: [oldRule] });
    world.scan({ detectors: [oldRule] });
    world.host.block({ taskId: '7' });
    world.host.set({ urgencyThresholdAt: BEGIN });
    await world.until('task', '7', 'skipped', ({ status }) => status === 'skipped');
    change(world);
    await hasProgressed(world);
    expect(await world.job('task', '7')).toMatchObject({ status: 'skipped' });
  });
});

describe('the dedupe window of a late inspection', () => {
  /** A threshold at 09:50, its inspection at 10:01, and a raise through the API at 10:05. */
  async function scenario(more: (world: JobWorld) => Partial<ScannerOptions>): Promise<number> {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan(more(world));
    world.host.set({ urgencyThresholdAt: BEGIN - 11 * MINUTE });
    await world.until('task', '7', 'triggered', isTriggered);
    world.time.advance(4 * MINUTE);
    await world.kernel.raise({
      userId: 42,
      triggerType: 'important_urgent_task',
      source: 'api_trigger',
      targetType: 'task_pool',
      targetId: 7,
    });
    return await triggers(world);
  }

  test('is the window of the raise, so a later raise through the API is a duplicate', async () => {
    expect(await scenario(() => ({}))).toBe(1);
  });

  test('gives two triggers when it is the threshold’s window (planted)', async () => {
    const frozen = (world: JobWorld): Partial<ScannerOptions> => ({
      kernel: {
        raise: (input, call) =>
          world.kernel.raise({ ...input, requestedAt: formatInstant(BEGIN - 11 * MINUTE) }, call),
      },
    });
    expect(await scenario(frozen)).toBe(2);
  });
});

describe('two scanners at once', () => {
  /** Both scanners read the same job before either writes. */
  async function scenario(store: EventStore, keyed: boolean): Promise<JobWorld> {
    const world = await jobWorld(store);
    let inspecting = 0;
    const gate = Promise.withResolvers<undefined>();
    const together: Detector = {
      ...urgentTask,
      async inspect(subject, context) {
        const inspection = await urgentTask.inspect(subject, context);
        inspecting += 1;
        if (inspecting === 2) gate.resolve(undefined);
        await gate.promise;
        return inspection;
      },
    };
    const kernel: ScannerOptions['kernel'] = {
      raise: (input, call) =>
        world.kernel.raise(keyed ? input : { ...input, idempotencyKey: undefined }, call),
    };
    world.follow();
    world.scan({ detectors: [together], kernel });
    world.scan({ detectors: [together], kernel });
    world.host.set({ urgencyThresholdAt: BEGIN });
    await world.until('task', '7', 'triggered', isTriggered);
    await world.stop();
    return world;
  }

  test('raise one trigger and record it once', async () => {
    await using world = await scenario(memoryStore(), true);
    expect(await triggers(world)).toBe(1);
    const types = await world.types();
    expect(types.filter((type) => type === 'DueJobTriggered')).toHaveLength(1);
  });

  test('raise two triggers when appends ignore the expected revision (planted)', async () => {
    await using world = await scenario(withoutRevisions(memoryStore()), false);
    expect(await triggers(world)).toBe(2);
  });

  /** Reads the revision and then appends, as a table without a unique index does. */
  function withoutRevisions(store: EventStore): EventStore {
    return {
      ...store,
      async append(stream, _expected, events, options) {
        for (;;) {
          const last = (await eventsOf(store, stream)).at(-1)?.revision;
          const result = await store.append(stream, last ?? 'no_stream', events, options);
          if (result.outcome !== 'conflict') return result;
        }
      },
    };
  }
});

describe('the scanner’s wait', () => {
  const atItsInstant = async (more: (world: JobWorld) => Partial<ScannerOptions>) => {
    await using world = await jobWorld(memoryStore());
    world.follow();
    world.scan(more(world));
    world.host.set({ urgencyThresholdAt: BEGIN + 50 });
    await world.until('task', '7', 'pending', isPending);
    await until('the scanner sleeps', () => world.time.waits().length > 0);
    world.time.advance(50);
    await world.until('task', '7', 'triggered', isTriggered);
    const [, raised] = await Promise.all([world.stop(), firstTrigger(world)]);
    return raised - BEGIN;
  };
  const firstTrigger = async (world: JobWorld): Promise<number> => {
    const job = await world.job('task', '7');
    return (await world.kernel.trigger(job.lastTriggerId ?? ''))?.raised.requestedAt ?? 0;
  };

  test('ends at the instant at which a job is due', async () => {
    expect(await atItsInstant(() => ({}))).toBe(50);
  });

  test('is too long when the scanner polls once a minute (planted)', async () => {
    await using world = await jobWorld(memoryStore());
    // A poll is not woken by new rows.
    const over = new AbortController();
    world.follow();
    world.scan({ pause: () => world.time.pause(60_000, over.signal) });
    world.host.set({ urgencyThresholdAt: BEGIN + 50 });
    await world.until('task', '7', 'pending', isPending);
    await until('the scanner sleeps', () => world.time.waits().includes(BEGIN + 60_000));
    world.time.advance(50);
    await until('it still sleeps', () => world.time.waits().includes(BEGIN + 60_000));
    expect(await triggers(world)).toBe(0);
    world.time.advance(60_000);
    await world.until('task', '7', 'triggered', isTriggered);
    const stopped = world.stop();
    over.abort();
    await stopped;
  });
});

describe('a worker that is killed after any append', () => {
  test('reaches the same state after a restart', async () => {
    const scenario = async (dieAfter: number): Promise<{ state: unknown; appends: number }> => {
      const inner = memoryStore();
      let appends = 0;
      let mortal = false;
      let dead = false;
      const store: EventStore = {
        ...inner,
        async append(...args) {
          if (dead) throw new Error('killed');
          const result = await inner.append(...args);
          if (!mortal) return result;
          appends += 1;
          if (appends <= dieAfter) return result;
          // The append is written, and the killed worker never sees its result.
          dead = true;
          throw new Error('killed');
        },
      };
      await using world = await jobWorld(store);
      world.follow();
      world.host.set({});
      world.host.set({ taskId: '8' });
      world.host.block({ endAt: BEGIN + 10 * MINUTE, startAt: BEGIN });
      await world.until('task', '8', 'pending', isPending);
      await world.until('block', 'b1', 'pending', isPending);
      await world.stop();
      world.time.advance(10 * MINUTE);
      mortal = true;
      world.scan();
      const allTriggered = async (): Promise<boolean> => {
        const jobs = [world.job('task', '7'), world.job('task', '8'), world.job('block', 'b1')];
        return (await Promise.all(jobs)).every(isTriggered);
      };
      await until('it is done or killed', async () => dead || (await allTriggered()));
      await world.stop();
      mortal = false;
      dead = false;
      const written = appends;
      // The restart is in another dedupe window.
      world.time.advance(40 * MINUTE);
      world.scan();
      await until('everything is done', allTriggered);
      const types = [...(await world.types())].sort();
      const jobs = [
        await world.job('task', '7'),
        await world.job('task', '8'),
        await world.job('block', 'b1'),
      ];
      return {
        state: {
          types: types.filter((type) => type !== 'DueJobFailed'),
          ids: jobs.map(({ lastTriggerId }) => lastTriggerId),
        },
        appends: written,
      };
    };
    const whole = await scenario(Infinity);
    expect(whole.appends).toBeGreaterThanOrEqual(9);
    for (let n = 0; n < whole.appends; n += 1) {
      const after = await scenario(n);
      expect({ n, types: typesOf(after.state) }).toEqual({ n, types: typesOf(whole.state) });
    }
  });

  const typesOf = (state: unknown): unknown =>
    typeof state === 'object' && state !== null && 'types' in state ? state.types : undefined;
});
