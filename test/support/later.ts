// A small world whose triggers are evaluated later: a kernel, workers and time in a test's hands. A
// worker's index outlives it, as its file would.
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryDueIndexStore } from './due-indexes.ts';
import type { Candidate } from '../../src/domain/preview/candidates.ts';
import type { Offer } from '../../src/domain/trigger/evaluation.ts';
import type { ApplyPreview } from '../../src/domain/ports/apply-preview.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { LaterEvaluator } from '../../src/domain/ports/evaluator.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openKernel, type Kernel, type KernelOptions } from '../../src/kernel/open-kernel.ts';
import {
  evaluationProcess,
  EVALUATION_INDEX,
  type EvaluationOptions,
} from '../../src/kernel/processes/evaluation.ts';
import { expiryProcess, EXPIRY_INDEX } from '../../src/kernel/processes/expiry.ts';
import type { Process } from '../../src/kernel/processes/due/process.ts';
import { virtualTime, type VirtualTime } from './virtual-time.ts';
import { eventsOf } from './world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

export type LaterWorld = {
  readonly store: EventStore;
  readonly time: VirtualTime;
  readonly kernel: Kernel;
  /** Starts a worker with both processes; the same name has the same index. */
  readonly worker: (options?: WorkerOptions) => Worker;
  /** Types of the trigger streams' events, in the log's order. */
  readonly types: () => Promise<readonly string[]>;
  readonly triggerEvents: () => Promise<readonly RecordedEvent[]>;
};

export type WorkerOptions = Partial<EvaluationOptions> & {
  readonly index?: never;
  readonly file?: string;
  readonly apply?: ApplyPreview;
};

export type Worker = AsyncDisposable & {
  /** Rejects when one of its processes could not go on. */
  readonly ended: Promise<unknown>;
};

export async function laterWorld(
  options: {
    readonly store?: EventStore;
    readonly evaluate?: LaterEvaluator;
    readonly kernel?: Partial<KernelOptions>;
    readonly time?: VirtualTime;
  } = {},
): Promise<LaterWorld> {
  const { store = memoryStore(), time = virtualTime(), evaluate = offering() } = options;
  const kernel = await openKernel({
    ...scheduleProduct,
    store,
    clock: time,
    evaluation: 'later',
    evaluateLater: evaluate,
    ...options.kernel,
  });
  const files = new Map<string, ReturnType<typeof memoryDueIndexStore>>();
  const triggerEvents = async (): Promise<readonly RecordedEvent[]> =>
    (await eventsOf(store)).filter(({ stream }) => stream.startsWith('tocsin.trigger-'));
  return {
    store,
    time,
    kernel,
    triggerEvents,
    types: async () => (await triggerEvents()).map(({ type }) => type),
    worker({ file = 'worker', apply, ...more } = {}) {
      const indexes = files.get(file) ?? memoryDueIndexStore();
      files.set(file, indexes);
      const open = indexes.open(kernel.storeId);
      const common = { store, runtime: time, ...more };
      return running([
        evaluationProcess({
          ...scheduleProduct,
          evaluate,
          ...common,
          index: open.open(EVALUATION_INDEX),
        }),
        expiryProcess({ ...common, apply, index: open.open(EXPIRY_INDEX) }),
      ]);
    },
  };
}

/** Runs processes until they are disposed of. */
export function running(processes: readonly Process[]): Worker {
  const stop = new AbortController();
  const ended = Promise.all(processes.map((process) => process.run(stop.signal)));
  ended.catch(() => undefined); // Whoever waits for its end sees it.
  return {
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended.catch(() => undefined);
    },
  };
}

/** One change of an hour, which may be moved. */
export function aCandidate(n = 1, more: Partial<Candidate> = {}): Candidate {
  const candidateId = `add:${n}`;
  return {
    candidateId,
    type: 'add_task_pool_to_schedule',
    score: 100 - n,
    changes: [
      {
        changeId: `${candidateId}:chg_1`,
        type: 'add',
        targetType: 'task_pool',
        targetId: '7',
        startAt: Date.UTC(2026, 0, 1, 12),
        endAt: Date.UTC(2026, 0, 1, 13),
        editable: true,
      },
    ],
    ...more,
  };
}

/** An evaluator that always offers the same. */
export function offering(more: Partial<Offer> = {}): LaterEvaluator {
  const offer: Offer = {
    outcome: 'offer',
    kind: 'proposal',
    summary: 'An hour is free at noon.',
    candidates: [aCandidate()],
    baseVersion: 'sha256:1',
    ...more,
  };
  return () => Promise.resolve(offer);
}
