// Load, decide, append: the same for every aggregate. Only this file decides what follows when a store
// answers `conflict`, or does not answer.
import { z } from 'zod';
import { backoffMs, type Backoff } from '../../domain/core/backoff.ts';
import { dropKey, isDroppable, type DropKey } from '../../domain/control/unreadable.ts';
import { describe, type Codec, type DecodeFault } from '../../domain/core/codec.ts';
import { isJsonObject } from '../../domain/core/json.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { checkedNumber, MAX_TIMER_MS } from '../../domain/core/options.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { eventId } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { EventToAppend, RecordedEvent } from '../../domain/core/recorded-event.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type {
  AppendRefusal,
  AppendResult,
  EventStore,
  ExpectedRevision,
} from '../../domain/ports/event-store.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import { newSalt } from './salt.ts';
import type { Turn } from './turn.ts';
import { assertNotHidden, streamHidden } from '../../domain/ports/hidden-stream.ts';

/** After this many conflicts the answer is `conflict`, unless the caller tries until its deadline. */
export const MAX_CONFLICTS = 5;

const DEFAULT_DEADLINE_MS = 10_000;

/** How long a call may take. @throws TocsinError `invalid_option` */
export function deadlineMsOf({
  deadlineMs = DEFAULT_DEADLINE_MS,
}: Pick<Call, 'deadlineMs'>): number {
  // A caller whose own deadline is over gives a negative number.
  return checkedNumber('deadlineMs', deadlineMs, [-MAX_TIMER_MS, MAX_TIMER_MS], 'any');
}

/** What to do about `access_denied`. */
export const ACCESS_HINT =
  'Nothing was written. Check user and password, and give the user the right to append: see `tocsin store acl`.';

/** What to do about `stream_deleted` of a stream that the kernel cannot do without. */
export const DELETED_HINT =
  'The stream has a tombstone, which is for ever: restore a backup, or start another log with --name.';

const HINTS: Readonly<Record<string, string>> = {
  access_denied: ACCESS_HINT,
  conflict: 'Nothing was written. Try again when fewer writers change it at once.',
};

const CONFLICT_BACKOFF: Backoff = { firstMs: 10, longestMs: 10 * 2 ** MAX_CONFLICTS };
const OUTAGE_BACKOFF: Backoff = { firstMs: 20, longestMs: 1_000 };

export type KernelContext = {
  readonly store: EventStore;
  /** The first part of all stream names. */
  readonly kernel: string;
  readonly runtime: Runtime;
};

/** What a caller may say about a call. */
export type Call = {
  /** Milliseconds until the answer is `unknown`; default 10,000. */
  readonly deadlineMs?: number | undefined;
  /** Who calls, for the record; up to 128 characters. */
  readonly actor?: string | undefined;
  /** W3C trace context, carried into events and messages. */
  readonly traceparent?: string | undefined;
};

export type CommandCall<S> = Call & {
  /** The same id gives the same event ids; default: a new one. It is the default of the other two ids. */
  readonly commandId?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** Append with `no_stream` at once and load only on conflict; for streams that are usually new. */
  readonly assumeNew?: boolean;
  /** Tries until the deadline while other writers change the stream. Default: {@link MAX_CONFLICTS} times. */
  readonly untilDeadline?: boolean;
  /** The stream as the caller has just read it; it is read again only on conflict. */
  readonly loaded?: Loaded<S> | undefined;
  /** The turn among commands that must come in order. Waiting for it does not count for the deadline. */
  readonly turn?: Turn | undefined;
};

export type Aggregate<S, E> = {
  readonly codec: Codec<E>;
  readonly initial: S;
  readonly evolve: (state: S, event: E, at: RecordedEvent) => S;
  /** The error of an append without an answer. */
  readonly unwritable: { readonly code: string; readonly hint: string };
  /** Of a stream whose unreadable events an operator may drop by a later event. */
  readonly drops?: {
    readonly droppedBy: (event: E, at: RecordedEvent) => DropKey | undefined;
    readonly error: (recorded: RecordedEvent, fault: DecodeFault) => TocsinError;
  };
};

/** An event that cannot be read, and that nobody has dropped. */
type Fault = {
  readonly recorded: RecordedEvent;
  readonly fault: DecodeFault;
  readonly error: TocsinError;
};

/** A stream's state, and what an append to the stream needs. */
export type Loaded<S> = {
  readonly state: S;
  readonly expected: ExpectedRevision;
  readonly recordedAt: Instant;
  readonly ids: ReadonlySet<string>;
  readonly position: Position | undefined;
};

export type Decide<S, E, A, R> = (
  state: S,
  context: { readonly recordedAt: Instant },
) => Result<{ readonly events: readonly E[]; readonly answer: A }, R>;

export type Done<A> = {
  readonly answer: A;
  readonly position: Position | undefined;
  /** The stream's end, when this call has written it; the next call need not read it. */
  readonly end?: Pick<Loaded<unknown>, 'expected' | 'recordedAt'>;
};

export type Transacted<A, R> =
  | ({ readonly kind: 'done' } & Done<A>)
  | { readonly kind: 'rejected'; readonly rejection: R }
  | { readonly kind: 'refused'; readonly reason: AppendRefusal; readonly message: string }
  /** Other writers kept changing the stream. */
  | { readonly kind: 'conflict' }
  /** The deadline came before an answer; the events may be in the stream. */
  | { readonly kind: 'unknown' };

type Stores = Pick<KernelContext, 'store' | 'runtime'>;

/** Executes commands on the streams of one aggregate. */
export function decider<S, E extends { readonly type: string }>(aggregate: Aggregate<S, E>) {
  /** Reads and folds a stream. @throws TocsinError `stream_unreadable` for an event that cannot be read */
  async function load(
    store: Pick<EventStore, 'readStream'>,
    stream: string,
    silenceMs?: number,
  ): Promise<Loaded<S>> {
    const { loaded, faults } = await loadWithFaults(store, stream, silenceMs);
    for (const { error } of faults.values()) throw error;
    return loaded;
  }

  /** As `load`, without the events that cannot be read; these come beside the state, unless they are dropped. */
  async function loadWithFaults(
    store: Pick<EventStore, 'readStream'>,
    stream: string,
    silenceMs?: number,
  ): Promise<{ readonly loaded: Loaded<S>; readonly faults: ReadonlyMap<DropKey, Fault> }> {
    const faults = new Map<DropKey, Fault>();
    const ids = new Set<string>();
    let { initial: state } = aggregate;
    let expected: ExpectedRevision = 'no_stream';
    let recordedAt = 0;
    let position: Position | undefined;
    for await (const page of store.readStream(stream, { direction: 'forwards', silenceMs })) {
      for (const recorded of page) {
        if (position === undefined && recorded.revision > 0n)
          throw await streamHidden(store, stream);
        const decoded = aggregate.codec.decode(recorded);
        if (decoded.kind === 'fault') {
          const { fault } = decoded;
          const error =
            aggregate.drops?.error(recorded, fault) ?? unreadable(recorded, fault.detail);
          faults.set(dropKey(recorded), { recorded, fault, error });
        }
        if (decoded.kind === 'event') {
          state = aggregate.evolve(state, decoded.event, recorded);
          const dropped = aggregate.drops?.droppedBy(decoded.event, recorded);
          const found = dropped && faults.get(dropped);
          if (found && isDroppable(found.fault)) faults.delete(dropped);
          recordedAt = Math.max(recordedAt, decoded.metadata.recordedAt);
        }
        ids.add(recorded.id);
        expected = recorded.revision;
        position = recorded.position;
      }
    }
    return { loaded: { state, expected, recordedAt, ids, position }, faults };
  }

  /** As `load`; waits out an outage until the deadline, by `runtime.elapsed`, and then throws `unavailable`. */
  async function loadUntil(
    { store, runtime }: Stores,
    stream: string,
    deadline: number,
  ): Promise<Loaded<S>> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await load(store, stream, millisecondsUntil(runtime, deadline));
      } catch (error) {
        const wait = backoffMs(attempt, OUTAGE_BACKOFF, runtime.random);
        if (!isOutage(error) || runtime.elapsed() + wait >= deadline) throw error;
        await runtime.pause(wait);
      }
    }
  }

  /** Encodes events. @throws TocsinError `event_invalid` for a value that no event may have */
  function encode(stream: string, events: readonly E[], metadata: EventMetadata): EventToAppend[] {
    return events.map((event, index) => {
      try {
        return salted(
          aggregate.codec.encode(event, metadata, eventId(metadata.commandId, stream, index)),
        );
      } catch (cause) {
        const detail = cause instanceof z.ZodError ? describe(cause) : String(cause);
        const message = `${event.type} cannot be stored: ${detail}`;
        const hint =
          'Nothing was written. Look at what the evaluator, the trigger’s link and the call give.';
        throw new TocsinError('usage', 'event_invalid', message, { hint, cause });
      }
    });
  }

  async function transact<A, R>(
    context: Stores,
    stream: string,
    decide: Decide<S, E, A, R>,
    call: CommandCall<S> = {},
  ): Promise<Transacted<A, R>> {
    const { runtime } = context;
    let deadline = runtime.elapsed() + deadlineMsOf(call);
    const { commandId = runtime.newId(), actor, traceparent, turn } = call;
    const inTurn = async (): Promise<void> => {
      if (turn === undefined) return;
      const from = runtime.elapsed();
      await turn.next();
      deadline += runtime.elapsed() - from;
    };
    const { correlationId = commandId, causationId = commandId } = call;
    const metadata = { commandId, correlationId, causationId, actor, traceparent };
    const empty: Loaded<S> = {
      state: aggregate.initial,
      expected: 'no_stream',
      recordedAt: 0,
      ids: new Set(),
      position: undefined,
    };
    const assumed = call.loaded ?? (call.assumeNew === true ? empty : undefined);
    let loaded = assumed ?? (await loadUntil(context, stream, deadline));
    let doubtful: { readonly answer: A; readonly ids: readonly string[] } | undefined;
    if (turn !== undefined) await inTurn();
    for (let conflicts = 0; ;) {
      if (doubtful !== undefined && doubtful.ids.every((id) => loaded.ids.has(id))) {
        // The events of an append without an answer are in the stream.
        return { kind: 'done', answer: doubtful.answer, position: loaded.position };
      }
      // In a stream, `recordedAt` never runs backwards, even where the clocks of two kernels differ.
      const recordedAt = Math.max(runtime.now(), loaded.recordedAt);
      const decision = decide(loaded.state, { recordedAt });
      if (!decision.ok) return { kind: 'rejected', rejection: decision.error };
      const { events, answer } = decision.value;
      if (events.length === 0) return { kind: 'done', answer, position: loaded.position };
      const encoded = encode(stream, events, { ...metadata, recordedAt });
      const result = await appendUntil(context, stream, loaded.expected, encoded, {
        deadline,
        turn,
        isAssumed: loaded === empty,
      });
      switch (result.outcome) {
        case 'appended': {
          const end = { expected: result.revision, recordedAt };
          return { kind: 'done', answer, position: result.position, end };
        }
        case 'refused':
          return { kind: 'refused', reason: result.reason, message: result.message };
        case 'unknown':
          return { kind: 'unknown' };
        case 'conflict': {
          if (result.doubtful) doubtful = { answer, ids: encoded.map(({ id }) => id) };
          conflicts += 1;
          if (
            call.untilDeadline === true ? runtime.elapsed() >= deadline : conflicts > MAX_CONFLICTS
          ) {
            return { kind: 'conflict' };
          }
          // At once, so that later commands wait.
          const again = inTurn();
          // The first conflict of an assumed state is no sign of writers that are active now.
          if (conflicts > 1 || assumed === undefined) {
            await runtime.pause(backoffMs(conflicts, CONFLICT_BACKOFF, runtime.random));
          }
          await again;
          try {
            loaded = await loadUntil(context, stream, deadline);
            // The stream has events, and none can be read.
            const isEmpty = result.actual !== 'no_stream' && loaded.expected === 'no_stream';
            if (isEmpty) await assertNotHidden(context.store, stream);
          } catch (error) {
            // The events may be in the stream, and the stream cannot be read.
            if (doubtful !== undefined && isOutage(error)) return { kind: 'unknown' };
            throw error;
          }
        }
      }
    }
  }

  /**
   * As `transact`, for callers that cannot go on without an answer. It tries until the deadline: many writers of one
   * stream, such as tests of a channel, get their turn.
   *
   * @throws TocsinError `unavailable`, with the code `conflict` when others kept changing the stream; or `refused`
   */
  async function transactOrThrow<A, R>(
    context: Stores,
    stream: string,
    decide: Decide<S, E, A, R>,
    call: CommandCall<S> = {},
  ): Promise<Result<Done<A>, R>> {
    const result = await transact(context, stream, decide, { untilDeadline: true, ...call });
    if (result.kind === 'done') return ok(result);
    if (result.kind === 'rejected') return err(result.rejection);
    const { code, hint } = aggregate.unwritable;
    const unwritable = (why: string, reason = code): TocsinError =>
      new TocsinError('unavailable', reason, `cannot append to ${stream}: ${why}`, {
        hint: HINTS[reason] ?? hint,
      });
    switch (result.kind) {
      case 'refused':
        // Trying again does not help.
        if (result.reason === 'stream_deleted') {
          const message = `cannot append to ${stream}: it was deleted for ever`;
          throw new TocsinError('refused', 'stream_deleted', message, { hint: DELETED_HINT });
        }
        throw unwritable(`the event store refused: ${result.message}`, result.reason);
      case 'conflict':
        throw unwritable('other writers kept changing the stream', 'conflict');
      case 'unknown':
        throw unwritable('no answer before the deadline');
    }
  }

  return { load, loadWithFaults, loadUntil, encode, transact, transactOrThrow };
}

/** Every personal part gets a salt; some events bring their own, because another of their fields depends on it. */
function salted(event: EventToAppend): EventToAppend {
  const { personal } = event.data;
  if (personal === undefined || !isJsonObject(personal) || 'salt' in personal) return event;
  return { ...event, data: { ...event.data, personal: { ...personal, salt: newSalt() } } };
}

/** The same events at the same revision, until the store answers or the deadline has come. */
async function appendUntil(
  { store, runtime }: Stores,
  stream: string,
  expected: ExpectedRevision,
  events: readonly EventToAppend[],
  {
    deadline,
    turn,
    isAssumed,
  }: {
    readonly deadline: number;
    readonly turn: Turn | undefined;
    readonly isAssumed: boolean;
  },
): Promise<AppendResult & { readonly doubtful: boolean }> {
  const inTurn = turn === undefined ? {} : { beforeRepeat: turn.next };
  for (let attempt = 0; ; attempt++) {
    const deadlineMs = millisecondsUntil(runtime, deadline);
    const answering = store.append(stream, expected, events, { deadlineMs, ...inTurn });
    // A conflict with an assumed state is likely, and others behind it would then be before it.
    if (!isAssumed) turn?.appended();
    const result = await answering;
    if (result.outcome !== 'unknown') return { ...result, doubtful: attempt > 0 };
    const wait = backoffMs(attempt, OUTAGE_BACKOFF, runtime.random);
    if (runtime.elapsed() + wait >= deadline) return { ...result, doubtful: true };
    // At once, so that later commands wait.
    const again = turn?.next();
    await runtime.pause(wait);
    await again;
  }
}

/** Milliseconds until a deadline by `runtime.elapsed`: an integer from 1, as timers require. */
export function millisecondsUntil({ elapsed }: Pick<Runtime, 'elapsed'>, deadline: number): number {
  return Math.max(1, Math.ceil(deadline - elapsed()));
}

function isOutage(error: unknown): boolean {
  return error instanceof TocsinError && error.kind === 'unavailable';
}

function unreadable(recorded: RecordedEvent, detail: string): TocsinError {
  const { revision, stream, type } = recorded;
  const message = `event ${revision} of ${stream} (${type}) cannot be read: ${detail}`;
  const hint =
    'A newer version may have written it; nothing is appended to a stream that is only partly understood.';
  return new TocsinError('refused', 'stream_unreadable', message, { hint });
}
