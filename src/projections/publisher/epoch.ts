// One epoch: from the committed state to the first failure. Whatever goes wrong, the fold in memory is
// dropped, and the next epoch begins at what was committed.
import { TocsinError } from '../../domain/core/errors.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { NO_POLICIES, policiesAt, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { comparePositions, formatPosition } from '../../domain/core/positions.ts';
import type { SubscriptionEntry } from '../../domain/ports/event-store.ts';
import {
  foldPage,
  initialFold,
  rulesetOf,
  type FoldState,
  type FoldedPage,
} from '../dedupe/fold.ts';
import { priorFor } from '../dedupe/prior.ts';
import { projectionPrefixes, classify, type ClassifiedEvent } from '../dedupe/classify.ts';
import { lastSeen } from '../last-seen.ts';
import type { OutputSession } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import { Checkpointer, type Committed } from './checkpointer.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { Publisher, EpochOver, type Role } from './publisher.ts';
import {
  currentGeneration,
  isResolvable,
  openGeneration,
  type OpenOutput,
} from './output-generation.ts';
import { refusals } from './refusals.ts';
import { resume, type Stored } from './resume.ts';

/** Decisions of one page; more would delay the first ack, fewer would waste round trips. */
const PAGE_EVENTS = 512;

/** How long a stop waits for acks that are on their way. */
const DRAIN_MS = 5_000;

/** What an epoch tells its projector. */
export type EpochEvents = {
  readonly resumed: (role: Role, stored: Stored, checkpoint: Checkpoint | undefined) => void;
  readonly folded: (page: FoldedPage) => void;
  readonly committed: (committed: Committed) => void;
  readonly caughtUp: () => void;
  readonly tookOver: () => void;
};

/** What can be asked of a running epoch. */
export type EpochView = {
  readonly role: Role;
  readonly inFlight: number;
  readonly isIdle: boolean;
  readonly oldest: Instant | undefined;
};

/**
 * Runs until the signal is raised (then it resolves) or something fails (then it rejects).
 * @param way an operator's way on, taken only where the projector would otherwise refuse
 */
export async function runEpoch(
  context: ProjectorContext,
  role: Role,
  way: RecoveryMode | undefined,
  events: EpochEvents,
  observe: (view: EpochView | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  await using session = await context.output.connect(signal);
  const control = await context.control.read();
  control.rulesets.forEach(rulesetOf);
  const storeId = assertStore(context.state.checkpoint(), control.storeId);
  await assertLog(context);
  const { open, checkpoint, stored } = await settleOutput(context, session, way, signal);
  events.resumed(role, stored, checkpoint);
  const policies =
    checkpoint === undefined ? NO_POLICIES : policiesAt(control.policyChanges, checkpoint.position);
  const start = { storeId, open, checkpoint, policies, stored, role };
  await new Epoch(context, session, start, events).run(observe, signal);
}

/** The list, the checkpoint and what is stored; by the operator's way where there is no other. */
async function settleOutput(
  context: ProjectorContext,
  session: OutputSession,
  way: RecoveryMode | undefined,
  signal: AbortSignal,
): Promise<{ open: OpenOutput; checkpoint: Checkpoint | undefined; stored: Stored }> {
  const attempt = async (open: OpenOutput) => {
    let checkpoint = context.state.checkpoint();
    if (checkpoint !== undefined && checkpoint.output !== open.generation.id) {
      context.logger.warn(
        { output: open.generation.id },
        'the state file belongs to an earlier list of messages; folding the log anew',
      );
      context.state.reset();
      checkpoint = undefined;
    }
    return { open, checkpoint, stored: await resume(context, session, open, checkpoint, signal) };
  };
  try {
    return await attempt(await currentGeneration(context, session));
  } catch (error) {
    if (way === undefined || !isResolvable(error)) throw error;
    context.logger.warn({ code: error.code, way: way.kind }, 'going on as the operator says');
    return attempt(await openGeneration(context, session, way));
  }
}

function assertStore(checkpoint: Checkpoint | undefined, storeId: string | undefined): string {
  if (storeId === undefined) throw refusals.logShorter('its first event');
  if (checkpoint !== undefined && checkpoint.storeId !== storeId) {
    throw refusals.otherStore(checkpoint.storeId, storeId);
  }
  return storeId;
}

/**
 * The last event that was folded must still be there. In a copy of the log it is at another place: the
 * checkpoint is one of the other log then, and going on from it could pass events by.
 */
async function assertLog({ store, state, kernel, logger }: ProjectorContext): Promise<void> {
  const checkpoint = state.checkpoint();
  const last = checkpoint?.lastEvent;
  if (checkpoint === undefined || last === undefined || last === null) return;
  const prefixes = projectionPrefixes(kernel);
  const event = await lastSeen(store, { last, position: checkpoint.position, prefixes });
  if (event === undefined) {
    throw refusals.logShorter(`event ${last.revision} of ${last.stream}`);
  }
  const next = await firstOf(
    store.readAll({ direction: 'forwards', from: event.position, prefixes, maxCount: 1 }),
  );
  const fits =
    comparePositions(event.position, checkpoint.position) <= 0 &&
    (next === undefined || comparePositions(next.position, checkpoint.position) > 0);
  if (fits) return;
  logger.warn(
    { checkpoint: formatPosition(checkpoint.position), found: formatPosition(event.position) },
    'the log is a copy with other positions; folding it anew',
  );
  state.reset();
}

async function firstOf(
  pages: AsyncIterable<readonly RecordedEvent[]>,
): Promise<RecordedEvent | undefined> {
  for await (const [event] of pages) return event;
  return undefined;
}

type EpochStart = {
  readonly storeId: string;
  readonly open: OpenOutput;
  readonly checkpoint: Checkpoint | undefined;
  /** The policies in force at the checkpoint. */
  readonly policies: PoliciesInForce;
  readonly stored: Stored;
  readonly role: Role;
};

class Epoch {
  readonly #context: ProjectorContext;
  readonly #checkpoint: Checkpoint | undefined;
  readonly #open: OpenOutput;
  readonly #events: EpochEvents;
  readonly #delivery: Publisher;
  readonly #committer: Checkpointer;
  readonly #sequenceOf: (ordinal: bigint) => bigint;
  readonly #parked: Set<string>;
  readonly #over = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #fold: FoldState;

  constructor(
    context: ProjectorContext,
    session: OutputSession,
    { storeId, open, checkpoint, policies, stored, role }: EpochStart,
    events: EpochEvents,
  ) {
    this.#context = context;
    this.#checkpoint = checkpoint;
    this.#open = open;
    this.#events = events;
    const { placement } = stored;
    this.#sequenceOf = placement.sequenceOf;
    this.#delivery = new Publisher(context, session, open.info.created, placement, role, () => {
      events.tookOver();
    });
    this.#parked = new Set(context.state.parked().map(({ event }) => event));
    this.#fold = { ...(checkpoint ?? initialFold), policies };
    this.#committer = new Checkpointer(
      context.state,
      { storeId, output: open.generation.id, markAfter: placement.markAfter },
      (committed) => {
        events.committed(committed);
      },
      (error) => {
        this.#fail(error);
      },
    );
  }

  async run(observe: (view: EpochView | undefined) => void, signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#over.abort();
      // What a standby waits for is another's to store: there is nothing to finish.
      if (this.#delivery.role === 'standby') this.#committer.end();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    observe(this.#view());
    const watch = this.#watch();
    try {
      await this.#pump();
      // Told to stop: what is on its way is finished and committed first.
      if (this.#failure === undefined && this.#delivery.role === 'active') await this.#drain();
    } catch (error) {
      this.#fail(error);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#over.abort();
      this.#committer.end();
      this.#delivery.abandon(new EpochOver('the epoch is over'));
      await watch;
      observe(undefined);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #view(): EpochView {
    const delivery = this.#delivery;
    const committer = this.#committer;
    return {
      get role() {
        return delivery.role;
      },
      get inFlight() {
        return committer.inFlight;
      },
      get isIdle() {
        return committer.isIdle;
      },
      get oldest() {
        return committer.oldest;
      },
    };
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#over.abort();
    // The pump may be waiting for room that an ended epoch will never make.
    this.#committer.end();
  }

  async #drain(): Promise<void> {
    // The wait is called off once all is committed: its timer would keep a process that is done.
    const done = new AbortController();
    const drained = this.#committer.drained().then(() => {
      done.abort();
    });
    await Promise.race([drained, this.#context.pause(DRAIN_MS, done.signal)]);
  }

  async #pump(): Promise<void> {
    const { kernel, store } = this.#context;
    const subscription = store.subscribeAll({
      prefixes: projectionPrefixes(kernel),
      from: this.#checkpoint?.position,
      signal: this.#over.signal,
    });
    for await (const entries of subscription) {
      for (let at = 0; at < entries.length; at += PAGE_EVENTS) {
        if (this.#over.signal.aborted) return;
        await this.#page(entries.slice(at, at + PAGE_EVENTS));
      }
    }
  }

  async #page(entries: readonly SubscriptionEntry[]): Promise<void> {
    const { kernel, names } = this.#context;
    const steps = entries.flatMap((entry) =>
      entry.kind === 'event' ? [classify(kernel, entry.event)] : [],
    );
    const known = await this.#known(steps);
    const { generation } = this.#open;
    const page = foldPage(
      this.#fold,
      steps,
      known,
      { after: generation.after, sequenceOf: this.#sequenceOf },
      names,
    );
    for (const event of page.unparked) this.#parked.delete(event);
    for (const { event } of page.parked) this.#parked.add(event);
    const position = positionAfter(entries) ?? page.state.position;
    this.#fold = { ...page.state, position };
    const unstored = this.#delivery.unstored(page);
    this.#events.folded(page);
    const delivered = this.#delivery.deliver(unstored);
    await this.#committer.add(page, position, steps.length, delivered);
    if (entries.some(({ kind }) => kind === 'caughtUp')) {
      this.#committer.goLive();
      this.#events.caughtUp();
    }
  }

  /** What the fold must know about earlier verdicts: one look-up for the page. */
  #known(steps: readonly ClassifiedEvent[]) {
    const { store: log, kernel, state } = this.#context;
    const uncommitted = (subject: string) => this.#committer.uncommitted(subject);
    return priorFor({ log, kernel, state, uncommitted }, this.#fold, steps, this.#parked);
  }

  /** A standby looks at the stream all the time; an idle active projector now and then. */
  async #watch(): Promise<void> {
    const { pollMs, idleCheckMs } = this.#context.timing;
    const { signal } = this.#over;
    for (;;) {
      const ms = this.#delivery.role === 'standby' ? pollMs : idleCheckMs;
      await this.#context.pause(ms, signal);
      if (signal.aborted) return;
      try {
        await this.#delivery.look(() => this.#committer.isIdle);
      } catch (error) {
        this.#fail(error);
      }
    }
  }
}

function positionAfter(entries: readonly SubscriptionEntry[]) {
  const last = entries.findLast(({ kind }) => kind !== 'caughtUp');
  if (last?.kind === 'event') return last.event.position;
  return last?.kind === 'checkpoint' ? last.position : undefined;
}

/** True for what only an operator can resolve. */
export function isFatal(error: unknown): error is TocsinError {
  return error instanceof TocsinError && error.kind !== 'unavailable';
}
