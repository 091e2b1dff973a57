// One run of the model: raisers, projectors and workers at once, under a seed's schedule and faults, until
// everything is raised, published and delivered.
import { parsePosition } from '../../src/domain/core/positions.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { hasEnded } from '../../src/domain/delivery/state.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { appendControl, initialiseControl } from '../../src/kernel/control/control.ts';
import { deliveryDecider } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import type { RaiseResult } from '../../src/kernel/raise/raise-result.ts';
import type { Projector } from '../../src/projections/publisher/projector.ts';
import {
  memoryReadModelStore,
  memoryStore,
  recordingOutput,
  type MemoryReadModelStore,
} from '../../src/testing.ts';
import { Died } from '../harness/failpoints.ts';
import type { ModelPolicy } from '../oracle/model-oracle.ts';
import { eventsOf } from '../support/world.ts';
import { Faults } from './faults.ts';
import { Life } from './life.ts';
import { kernelContext, projectorOf, raiseLine, work, type Delivering } from './parties.ts';
import { Schedule } from './schedule.ts';
import { NEW_RULESETS, OLD_RULESETS } from './versions.ts';

export type ModelOptions = {
  readonly seed: number;
  readonly lines: readonly JsonObject[];
  /** How many faults at most; then everything is left in peace. */
  readonly faults: number;
  readonly policy: ModelPolicy;
  /** Activates ruleset 2 on the way; the last projector does not know it. */
  readonly upgrades: boolean;
};

/** A crash has happened; what is on the disks now is compared. */
export type LookAt = (world: ModelWorld, projector: number) => Promise<void>;

export type ModelWorld = Delivering & {
  readonly schedule: Schedule;
  readonly files: readonly MemoryReadModelStore[];
  /** What each line was answered, by all who raised it. */
  readonly answers: readonly (readonly RaiseResult[])[];
  /** Projectors that refused to go on, with the code. */
  readonly refused: ReadonlyMap<number, string>;
  readonly options: ModelOptions;
};

const MAX_STEPS = 60_000;
/** Ruleset 2 is activated by this step, if it is. */
const UPGRADE_BY = 300;
/** Runs it to its end. */
export async function runModel(options: ModelOptions, lookAt: LookAt): Promise<ModelWorld> {
  const schedule = new Schedule(options.seed);
  const faults = new Faults(schedule, options.faults);
  const store = memoryStore({ faults: faults.ofStore });
  const output = recordingOutput();
  const answers: RaiseResult[][] = options.lines.map(() => []);
  const refused = new Map<number, string>();
  const versions = [NEW_RULESETS, NEW_RULESETS, ...(options.upgrades ? [OLD_RULESETS] : [])];
  const files = versions.map(() => memoryReadModelStore());
  const world: ModelWorld = {
    schedule,
    store,
    output,
    files,
    answers,
    refused,
    options,
    calls: [],
    settled: new Set(),
    inHand: new Map(),
    answer: () => outcomeOf(schedule),
  };
  const writer = kernelContext(schedule, store);
  await initialiseControl(writer);
  if (options.policy.kind !== 'tumbling') {
    const policy = { ...options.policy, axis: 'requestedAt' as const };
    await appendControl(writer, () => [
      { type: 'NotificationPolicySet', data: { triggerType: '*', policy, reason: 'the model' } },
    ]);
  }
  faults.begin();

  const crashed: number[] = [];
  const errors: unknown[] = [];
  const lives = new Map<string, Life>();
  const projectors = new Map<number, Projector>();
  const unexpected = (error: unknown): void => {
    if (!(error instanceof Died)) errors.push(error);
  };

  /** Starts a seat's next life, and again after each death. */
  const seat = (name: string, live: (life: Life) => Promise<void>): void => {
    const begin = (): void => {
      const diesAt = (effect: string) => faults.diesAt(name, effect);
      const life = new Life(name, schedule, diesAt, () => {
        void schedule.turn(`${name} starts again`, world).then(begin);
      });
      lives.set(name, life);
      live(life).catch((error: unknown) => {
        if (!life.isDead) unexpected(error);
      });
    };
    begin();
  };

  versions.forEach((rulesets, n) => {
    seat(`projector ${n}`, async (life) => {
      const file = files[n];
      if (file === undefined) throw new Error('every projector has a file');
      if (projectors.has(n)) crashed.push(n);
      const disk = { store, output, state: file.open() };
      const projector = projectorOf(schedule, life, disk, rulesets, (sequence) => {
        if (sequence <= faults.everStored(output)) return;
        errors.push(new Error(`projector ${n} committed ${sequence}, which was never stored`));
      });
      projectors.set(n, projector);
      try {
        await projector.run(life.stop.signal, { standby: n > 0 && schedule.chance(0.5) });
      } catch (error) {
        if (life.isDead) return;
        if (!(error instanceof TocsinError)) throw error;
        schedule.note(`projector ${n} refuses: ${error.code}`);
        refused.set(n, error.code);
        lives.delete(`projector ${n}`);
      }
    });
  });

  const queues = queuesOf(schedule, options.lines.length);
  queues.forEach((queue, n) => {
    seat(`raiser ${n}`, async (life) => {
      const own = life.store(store);
      for (let at = queue[0]; at !== undefined; at = queue[0]) {
        // They come at their own pace: some after what became of others' notifications.
        if (schedule.chance(0.3)) await schedule.pause(schedule.random() * 1_200_000);
        if (life.isDead) return;
        let result: RaiseResult | undefined;
        try {
          result = await raiseLine(schedule, own, options.lines[at] ?? {});
        } catch (error) {
          if (!isAway(error)) throw error;
        }
        const isAnswered =
          result !== undefined && !['unknown', 'conflict'].includes(result.outcome);
        if (result !== undefined && isAnswered) {
          answers[at]?.push(result);
          queue.shift();
        }
      }
    });
  });

  [0, 1].forEach((n) => {
    const index = memoryDueIndexStore();
    seat(`worker ${n}`, (life) => work(schedule, life, world, index.open('log')));
  });

  const upgradeAt = Math.floor(schedule.random() * UPGRADE_BY);
  for (let steps = 0; ; steps += 1) {
    if (steps > MAX_STEPS) throw new Error(`it never ends: ${describeEnd(world)}`);
    if (errors.length > 0) throw errors[0];
    for (const n of crashed.splice(0)) await faults.spare(() => lookAt(world, n));
    const isLookedAt = steps % 16 === 0;
    if (isLookedAt && (await faults.spare(() => isOver(world, queues, projectors)))) break;
    faults.disturb(output, lives.values());
    if (options.upgrades && steps === upgradeAt) {
      await faults.spare(() => activate(schedule, store));
    }
    if (faults.areOver) output.releaseAcks();
    if (!(await schedule.step())) throw new Error(`nothing can happen: ${describeEnd(world)}`);
  }
  faults.end();
  for (const life of lives.values()) life.stop.abort();
  return world;
}

/** Each line goes to one raiser, or to both. */
function queuesOf(schedule: Schedule, count: number): readonly [number[], number[]] {
  const queues: [number[], number[]] = [[], []];
  for (let at = 0; at < count; at += 1) {
    const who = schedule.random();
    if (who < 0.6) queues[0].push(at);
    if (who > 0.4) queues[1].push(at);
  }
  return queues;
}

/** An operator switches to ruleset 2. */
async function activate(schedule: Schedule, store: EventStore): Promise<void> {
  await appendControl(kernelContext(schedule, store), () => [
    { type: 'RulesetActivated', data: { ruleset: 2 } },
  ]);
  schedule.note('ruleset 2 is activated');
}

function isAway(error: unknown): boolean {
  return error instanceof TocsinError && error.kind === 'unavailable';
}

function outcomeOf(schedule: Schedule): SendOutcome {
  const draw = schedule.random();
  const failed = { code: 'some_code', detail: '' };
  if (draw < 0.55) return { outcome: 'accepted' };
  if (draw < 0.7) return { outcome: 'transient', ...failed };
  if (draw < 0.88) return { outcome: 'permanent', ...failed };
  if (draw < 0.95) return { outcome: 'throttled', ...failed, retryAfterMs: 5_000 };
  return { outcome: 'unknown', ...failed };
}

/** Everything raised, everything up to the log's head projected, the delivery of every notification at its end. */
async function isOver(
  { store, output, files, refused, options }: ModelWorld,
  queues: readonly (readonly number[])[],
  projectors: ReadonlyMap<number, Projector>,
): Promise<boolean> {
  if (queues.some((queue) => queue.length > 0)) return false;
  if (options.upgrades && refused.size === 0) return false;
  const events = await eventsOf(store);
  const head = events.findLast(({ stream }) => !stream.startsWith('tocsin.idempotency-'));
  for (const [n, projector] of projectors) {
    if (refused.has(n)) continue;
    const { committed, outputSequence } = projector.status();
    // What the server lost is still to be noticed, and sent again.
    if (BigInt(output.messages.length) < BigInt(outputSequence)) return false;
    const at = parsePosition(committed ?? '');
    if (at === undefined || head === undefined) return false;
    if (at.commit < head.position.commit) return false;
  }
  const sentNotifications =
    files.find((_, n) => !refused.has(n))?.snapshot().sentNotifications ?? [];
  for (const { mock, user, id } of sentNotifications) {
    if (mock) continue;
    const { state: delivery } = await deliveryDecider.load(
      store,
      deliveryStream('tocsin', user, id),
    );
    if (delivery === undefined || !hasEnded(delivery)) return false;
  }
  return true;
}

function describeEnd({ schedule }: ModelWorld): string {
  return schedule.trace.slice(-30).join('; ');
}
