// One epoch: from the committed state to the first failure. A failure drops the fold in memory, and the next
// epoch starts from the committed state.
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import { untilAborted } from '../../domain/core/signals.ts';
import { NO_POLICIES, policiesAt, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { SubscriptionEntry } from '../../domain/ports/event-store.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import type { FoldedPage } from '../dedupe/page.ts';
import { rulesetOf } from '../dedupe/rulesets.ts';
import { FoldSession, inPages } from '../dedupe/session.ts';
import { initialFold } from '../dedupe/state.ts';
import type { OutputSession } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import { Checkpointer, type CheckpointObserver, type Committed } from './checkpointer.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { assertSameLog, assertSameStore } from './log-checks.ts';
import {
  currentGeneration,
  isResolvable,
  openGeneration,
  type OpenOutput,
} from './output-generation.ts';
import { EpochOver, Publisher, type Role, type RoleObserver } from './publisher.ts';
import { resume, type Resumed } from './resume.ts';

/** How long a stop waits for the acks of messages in flight. */
const DRAIN_MS = 5_000;

/** Follows an epoch: its projector. */
export interface EpochObserver extends RoleObserver, Pick<CheckpointObserver, 'committed'> {
  /** The epoch has compared the output with the checkpoint, and begins to read events. */
  resumed(epoch: RunningEpoch, resumed: Resumed, checkpoint: Checkpoint | undefined): void;
  folded(page: FoldedPage): void;
  /** Everything that was in the log when the subscription began is folded. */
  caughtUp(): void;
}

/** What a status says of a running epoch. */
export interface RunningEpoch {
  readonly role: Role;
  /** Messages in flight. */
  readonly inFlight: number;
  readonly isIdle: boolean;
  /** `recordedAt` of the oldest page that is not committed. */
  readonly oldest: Instant | undefined;
}

export type EpochOptions = {
  readonly role: Role;
  /** Used only where the projector would refuse to go on. */
  readonly recoveryMode: RecoveryMode | undefined;
  readonly observer: EpochObserver;
};

/**
 * Runs until the signal is raised, then finishes the messages in flight.
 * @throws what ended the epoch; the signal's reason when it is raised before the epoch reads events
 */
export async function runEpoch(
  projector: ProjectorContext,
  { role, recoveryMode, observer }: EpochOptions,
  signal: AbortSignal,
): Promise<void> {
  const context = withAbort(projector, signal);
  await using session = await context.output.connect(signal);
  const control = await context.control.read();
  for (const number of control.rulesets) rulesetOf(context.rulesets, number);
  const storeId = assertSameStore(context.state.checkpoint(), control.storeId);
  await assertSameLog(context, signal);
  const output = await resumeOutput(context, session, recoveryMode, signal);
  const { checkpoint } = output;
  const policies =
    checkpoint === undefined ? NO_POLICIES : policiesAt(control.policyChanges, checkpoint.position);
  const epoch = new Epoch(context, session, { ...output, storeId, policies, role }, observer);
  observer.resumed(epoch, output.resumed, checkpoint);
  await epoch.run(signal);
}

/** A stop does not wait for a store that is away: the control stream is given up at the signal. */
function withAbort(context: ProjectorContext, signal: AbortSignal): ProjectorContext {
  const { read, append } = context.control;
  return {
    ...context,
    control: {
      read: () => untilAborted(read(), signal),
      append: (decide) => untilAborted(append(decide), signal),
    },
  };
}

type ResumedOutput = {
  readonly open: OpenOutput;
  readonly checkpoint: Checkpoint | undefined;
  readonly resumed: Resumed;
};

/** Resumes the generation in force, or opens one in the operator's recovery mode. */
async function resumeOutput(
  context: ProjectorContext,
  session: OutputSession,
  recoveryMode: RecoveryMode | undefined,
  signal: AbortSignal,
): Promise<ResumedOutput> {
  const resumeAt = async (open: OpenOutput): Promise<ResumedOutput> => {
    let checkpoint = context.state.checkpoint();
    if (checkpoint !== undefined && checkpoint.output !== open.generation.id) {
      context.logger.warn(
        { output: open.generation.id },
        'the state file belongs to an earlier generation of messages; folding the log from its beginning',
      );
      context.state.reset();
      checkpoint = undefined;
    }
    const resumed = await resume(context, session, open, checkpoint, signal);
    return { open, checkpoint, resumed };
  };
  try {
    return await resumeAt(await currentGeneration(context, session, signal));
  } catch (error) {
    if (recoveryMode === undefined || !isResolvable(error)) throw error;
    const fields = { code: error.code, mode: recoveryMode.kind };
    context.logger.warn(fields, 'going on in the recovery mode that the operator chose');
    return resumeAt(await openGeneration(context, session, recoveryMode, signal));
  }
}

type EpochStart = ResumedOutput & {
  readonly storeId: string;
  /** The policies in force at the checkpoint. */
  readonly policies: PoliciesInForce;
  readonly role: Role;
};

class Epoch implements RunningEpoch, CheckpointObserver {
  readonly #context: ProjectorContext;
  readonly #from: Position | undefined;
  readonly #observer: EpochObserver;
  readonly #fold: FoldSession;
  readonly #publisher: Publisher;
  readonly #checkpointer: Checkpointer;
  readonly #over = new AbortController();
  #failure: { readonly error: unknown } | undefined;

  constructor(
    context: ProjectorContext,
    session: OutputSession,
    { storeId, open, checkpoint, policies, resumed: { sequences }, role }: EpochStart,
    observer: EpochObserver,
  ) {
    const { kernel, store, state, rulesets, names } = context;
    const { generation, info } = open;
    this.#context = context;
    this.#from = checkpoint?.position;
    this.#observer = observer;
    this.#fold = new FoldSession({
      kernel,
      log: store,
      readModel: state,
      rulesets,
      numbering: { after: generation.after, sequenceOf: sequences.sequenceOf },
      names,
      start: { ...(checkpoint ?? initialFold), policies },
      parked: state.parked().map(({ event }) => event),
    });
    const start = { role, created: info.created, sequences };
    this.#publisher = new Publisher(context, session, start, observer);
    const { checkpointSequence } = sequences;
    const identity = { storeId, output: generation.id, checkpointSequence };
    this.#checkpointer = new Checkpointer(state, identity, this);
  }

  get role(): Role {
    return this.#publisher.role;
  }

  get inFlight(): number {
    return this.#checkpointer.inFlight;
  }

  get isIdle(): boolean {
    return this.#checkpointer.isIdle;
  }

  get oldest(): Instant | undefined {
    return this.#checkpointer.oldest;
  }

  committed(committed: Committed): void {
    for (const page of committed.pages) this.#fold.committed(page);
    this.#observer.committed(committed);
  }

  failed(error: unknown): void {
    this.#failure ??= { error };
    this.#over.abort();
    // The reading loop may be waiting for room, which an epoch that is over never makes.
    this.#checkpointer.end();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#over.abort();
      // Another projector stores what a standby waits for: there is nothing to finish.
      if (this.role === 'standby') this.#checkpointer.end();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const watching = this.#watchStream();
    try {
      await this.#foldEvents();
    } catch (error) {
      if (!this.#over.signal.aborted) this.failed(error);
    }
    try {
      // Stopped by the signal: messages in flight are stored and committed first.
      if (this.#failure === undefined && this.role === 'active') await this.#drain();
    } finally {
      signal.removeEventListener('abort', stop);
      this.#over.abort();
      this.#checkpointer.end();
      this.#publisher.abandon(new EpochOver('the epoch is over'));
      await watching;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    // The wait ends when all is committed: its timer would keep the process alive.
    const done = new AbortController();
    const drained = this.#checkpointer.drained().then(() => {
      done.abort();
    });
    await Promise.race([drained, this.#context.pause(DRAIN_MS, done.signal)]);
  }

  async #foldEvents(): Promise<void> {
    const { kernel, store } = this.#context;
    const { signal } = this.#over;
    const prefixes = projectionPrefixes(kernel);
    for await (const batch of store.subscribeAll({ prefixes, from: this.#from, signal })) {
      for (const entries of inPages(batch)) {
        if (signal.aborted) return;
        await this.#foldPage(entries);
      }
    }
  }

  async #foldPage(entries: readonly SubscriptionEntry[]): Promise<void> {
    const events: RecordedEvent[] = [];
    let reached: Position | undefined;
    for (const entry of entries) {
      if (entry.kind === 'event') events.push(entry.event);
      reached = positionOf(entry) ?? reached;
    }
    // A retried event is read from the store, which may be away.
    const { page } = await untilAborted(this.#fold.fold(events, reached), this.#over.signal);
    const position = reached ?? page.state.position;
    const stored = this.#publisher.publish(page);
    this.#observer.folded(page);
    await this.#checkpointer.add(page, position, events.length, stored);
    if (entries.some(({ kind }) => kind === 'caughtUp')) {
      this.#checkpointer.goLive();
      this.#observer.caughtUp();
    }
  }

  /** A standby reads the stream's end all the time; an idle active projector now and then. */
  async #watchStream(): Promise<void> {
    const { pollMs, idleCheckMs } = this.#context.timing;
    const { signal } = this.#over;
    for (;;) {
      await this.#context.pause(this.role === 'standby' ? pollMs : idleCheckMs, signal);
      if (signal.aborted) return;
      try {
        await this.#publisher.inspectStream(() => this.isIdle);
      } catch (error) {
        this.failed(error);
      }
    }
  }
}

function positionOf(entry: SubscriptionEntry): Position | undefined {
  if (entry.kind === 'event') return entry.event.position;
  return entry.kind === 'checkpoint' ? entry.position : undefined;
}
