// The parties of the model: raisers, projectors and delivery workers, each composed as the product composes
// it, on ports that wait for their turn and on virtual time.
import type {
  RequestQueue,
  Acknowledgement,
} from '../../src/kernel/processes/delivery/request-queue.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { silentLogger } from '../../src/domain/ports/logger.ts';
import type { Runtime } from '../../src/domain/ports/runtime.ts';
import type { Sender, SendOutcome } from '../../src/domain/ports/sender.ts';
import { fromRaiseLine } from '../../src/domain/contracts/mapping.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { appendControl, readControl } from '../../src/kernel/control/control.ts';
import type { KernelContext } from '../../src/kernel/decider/decider.ts';
import { attemptsProcess, ATTEMPTS_INDEX } from '../../src/kernel/processes/delivery/attempts.ts';
import { noTelemetry } from '../../src/domain/ports/telemetry.ts';
import { channelLimiter } from '../../src/kernel/processes/delivery/channel-limiter.ts';
import { channelFinder } from '../../src/kernel/processes/delivery/open-channel.ts';
import { wordingOf } from '../../src/kernel/processes/delivery/wording.ts';
import { intakeProcess } from '../../src/kernel/processes/delivery/intake.ts';
import type { DeliveryContext } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import { raise } from '../../src/kernel/raise/raise.ts';
import type { RaiseResult } from '../../src/kernel/raise/raise-result.ts';
import { RETRY_PROFILES } from '../../src/domain/delivery/retry-schedule.ts';
import type { DueIndexes } from '../../src/kernel/processes/due/due-index.ts';
import type { Rulesets } from '../../src/projections/dedupe/rulesets.ts';
import type { Output } from '../../src/projections/output.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import { createProjector, type Projector } from '../../src/projections/publisher/projector.ts';
import { targetOf } from '../delivery/world.support.ts';
import type { RecordingOutput } from '../../src/testing.ts';
import { inSmallPages } from '../support/world.ts';
import type { Life } from './life.ts';
import type { Schedule } from './schedule.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';
import { scheduleTexts } from '../../src/schedule/texts.ts';
import type { RaiseContext } from '../../src/kernel/raise/prepare.ts';

/** In proportion to what the model's time passes in; nobody sleeps for them. */
export const TIMING = {
  lostMessagesMs: 10_000,
  takeoverMs: 10_000,
  pollMs: 2_000,
  idleCheckMs: 20_000,
  maxBackoffMs: 30_000,
};
const DEADLINE_MS = 10_000;
const POLL_MS = 10_000;
/** Few, so that several pages are on their way at once. */
const PAGE_ENTRIES = 3;

export function kernelContext(schedule: Schedule, store: EventStore): KernelContext {
  return { store, kernel: 'tocsin', runtime: runtimeOf(schedule) };
}

function runtimeOf({ time, pause, random, newId }: Schedule): Runtime {
  return { now: time.now, elapsed: time.elapsed, pause, random, newId };
}

/** Raises one line once; what it is answered, or that nobody answered. */
export async function raiseLine(
  schedule: Schedule,
  store: EventStore,
  line: JsonObject,
): Promise<RaiseResult> {
  const input = fromRaiseLine(line);
  if (!input.ok) throw new Error(`not a line: ${JSON.stringify(line)}`);
  const context: RaiseContext = {
    ...kernelContext(schedule, store),
    definitions: new Map(scheduleTriggers.map((definition) => [definition.type, definition])),
    evaluation: 'inline',
    evaluate: undefined,
    evaluateLater: undefined,
    notifications: {
      texts: scheduleTexts.en,
      channel: 'feishu',
      channels: new Set(['feishu']),
    },
    recordDuplicates: false,
    logger: silentLogger,
    telemetry: noTelemetry,
  };
  return raise(context, input.value, { deadlineMs: DEADLINE_MS });
}

/** A projector, not running yet. */
export function projectorOf(
  schedule: Schedule,
  life: Life,
  disk: { readonly store: EventStore; readonly output: Output; readonly state: ReadModel },
  rulesets: Rulesets,
  onCommit: (sequence: bigint) => void,
): Projector {
  const store = life.store(inSmallPages(disk.store, PAGE_ENTRIES));
  const { time, pause, random } = schedule;
  return createProjector({
    kernel: 'tocsin',
    store,
    output: life.output(disk.output),
    state: life.state(disk.state),
    names: { subjectRoot: '', source: '/tocsin' },
    rulesets,
    control: {
      read: () => readControl(store, 'tocsin'),
      append: (decide) => appendControl(kernelContext(schedule, store), decide, { actor: 'model' }),
    },
    logger: silentLogger,
    telemetry: noTelemetry,
    onCommit: ({ checkpoint }) => {
      onCommit(checkpoint.sequence);
    },
    timing: TIMING,
    now: time.now,
    elapsed: time.elapsed,
    pause,
    random,
  });
}

/** One call of the channel, as the model remembers it. */
export type Call = { readonly notificationId: string; readonly attempt: number };

/** What a worker that runs leaves, and what all workers share. */
export type Delivering = {
  readonly store: EventStore;
  readonly output: RecordingOutput;
  readonly calls: Call[];
  /** Sequences that are settled for good: what a durable consumer knows. */
  readonly settled: Set<bigint>;
  /** Whoever has a message in hand. */
  readonly inHand: Map<bigint, Life>;
  readonly answer: () => SendOutcome;
};

/** Runs a worker until its life is over. */
export async function work(
  schedule: Schedule,
  life: Life,
  shared: Delivering,
  indexes: DueIndexes,
): Promise<void> {
  const store = life.store(shared.store);
  const runtime = runtimeOf(schedule);
  const records: DeliveryContext = {
    store,
    runtime,
    actor: life.name,
    rules: { profile: RETRY_PROFILES.human, onUnknown: 'resend' },
  };
  const send: Sender = async ({ notificationId, attempt }) => {
    shared.calls.push({ notificationId, attempt });
    const outcome = shared.answer();
    return life.ask(`call ${outcome.outcome}`, () => Promise.resolve(outcome));
  };
  const attempts = attemptsProcess({
    kernel: 'tocsin',
    store,
    records,
    runtime,
    findChannel: channelFinder({
      lookup: (userId, channel) =>
        Promise.resolve(
          userId === 'ada.l'
            ? { kind: 'closed', reason: 'no_channel' }
            : { kind: 'open', target: targetOf(userId, channel) },
        ),
      send,
    }),
    limiter: channelLimiter({ slots: 64 }),
    lookups: channelLimiter({ slots: 64 }),
    telemetry: noTelemetry,
    wordingOf: wordingOf({ texts: scheduleTexts.en, frontendUrl: 'https://tasks.example' }),
    leaseMs: 20_000,
    enabled: true,
    index: life.indexes(indexes).open(ATTEMPTS_INDEX),
    concurrency: 8,
  });
  const requests = requestQueueOf(schedule, life, shared);
  const intake = intakeProcess({ ...records, kernel: 'tocsin', requests });
  await Promise.all([attempts, intake].map((process) => process.run(life.stop.signal)));
}

/** A consumer that all workers share; what a dead one had in hand goes to another. */
function requestQueueOf(schedule: Schedule, life: Life, shared: Delivering): RequestQueue {
  const { output, settled, inHand } = shared;
  return {
    async run({ signal, check, handle }) {
      const under = new Set<Promise<void>>();
      const one = async (message: (typeof output.messages)[number]): Promise<void> => {
        const { sequence } = message;
        inHand.set(sequence, life);
        let settlement: Acknowledgement;
        try {
          settlement = await handle(message);
        } catch {
          // As the port says: it comes again.
          settlement = 'nak';
        }
        if (life.isDead) return;
        if (settlement !== 'nak') settled.add(sequence);
        inHand.delete(sequence);
      };
      const isFree = (sequence: bigint): boolean => {
        const holder = inHand.get(sequence);
        return !settled.has(sequence) && (holder === undefined || holder.isDead);
      };
      let mayGo = false;
      while (!signal.aborted) {
        const created = '2026-01-01T00:00:00.000000001Z';
        mayGo ||= (await check({ stream: output.stream, created })) === 'go';
        const fresh = output.messages.filter(
          ({ sequence, subject }) => subject.startsWith('notification.') && isFree(sequence),
        );
        for (const message of mayGo ? fresh : []) {
          const handling: Promise<void> = one(message).finally(() => under.delete(handling));
          under.add(handling);
        }
        await schedule.pause(POLL_MS, signal);
      }
      await Promise.all(under);
    },
  };
}
