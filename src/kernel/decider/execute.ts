// Load, decide, append: once for all aggregates. The only place that knows what to do when a store
// says `conflict`, or does not say anything.
import type { Codec } from '../../domain/core/codec.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { Result } from '../../domain/core/result.ts';
import type { EventToAppend, RecordedEvent } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type {
  AppendRefusal,
  AppendResult,
  EventStore,
  ExpectedRevision,
} from '../../domain/ports/event-store.ts';
import { encodeAll } from './encode.ts';

/** A conflict is decided anew at most this often. */
export const MAX_CONFLICTS = 5;

/** How long a caller waits for an answer unless it says otherwise. */
export const DEFAULT_DEADLINE_MS = 10_000;

/** An aggregate as this file needs it. `evolve` gets where the event is, for what only the log knows. */
export type Aggregate<S, E> = {
  readonly codec: Codec<E>;
  readonly initial: S;
  readonly evolve: (state: S, event: E, at: RecordedEvent) => S;
};

/** What a decision function may answer: events and the answer, or a rejection. */
export type Decide<S, E, A, R> = (
  state: S,
  context: { readonly recordedAt: Instant },
) => Result<{ readonly events: readonly E[]; readonly answer: A }, R>;

export type Executed<A, R> =
  | {
      readonly kind: 'done';
      readonly answer: A;
      readonly position: Position | undefined;
      /** The stream's end, when this execution has just written it; who goes on need not read it. */
      readonly end?: Pick<Loaded<unknown>, 'expected' | 'recordedAt'>;
    }
  | { readonly kind: 'rejected'; readonly rejection: R }
  | { readonly kind: 'refused'; readonly reason: AppendRefusal; readonly message: string }
  /** Others kept changing the stream. */
  | { readonly kind: 'conflict' }
  /** The deadline came before an answer; the events may be in the stream. */
  | { readonly kind: 'unknown' };

/** What an execution takes from its surroundings. */
export type ExecuteContext = {
  readonly store: EventStore;
  readonly now: () => Instant;
  /** Milliseconds that never run backwards and never stand still: deadlines are kept by it. */
  readonly elapsed: () => number;
  /** Waits; rejects never. */
  readonly pause: (ms: number) => Promise<void>;
  /** 0 <= x < 1, for jitter. */
  readonly random: () => number;
};

export type ExecuteRequest<S, E, A, R> = {
  readonly aggregate: Aggregate<S, E>;
  readonly stream: string;
  readonly decide: Decide<S, E, A, R>;
  /** Kept over all attempts: the same command gives the same event ids. */
  readonly metadata: Omit<EventMetadata, 'recordedAt'>;
  /** Append with `no_stream` at once and load on conflict only; for streams that are new as a rule. */
  readonly assumeNew?: boolean;
  /** The stream as the caller has just read it; it is read again on conflict only. */
  readonly loaded?: Loaded<S>;
  /** Milliseconds from now. */
  readonly deadlineMs?: number | undefined;
};

/** A stream, folded, and what an append to it needs to know. */
export type Loaded<S> = {
  readonly state: S;
  readonly expected: ExpectedRevision;
  readonly recordedAt: Instant;
  readonly ids: ReadonlySet<string>;
  readonly position: Position | undefined;
};

/** Executes one command against one stream, with its exact expected revision. */
export async function execute<S, E extends { readonly type: string }, A, R>(
  context: ExecuteContext,
  request: ExecuteRequest<S, E, A, R>,
): Promise<Executed<A, R>> {
  const deadline = context.elapsed() + (request.deadlineMs ?? DEFAULT_DEADLINE_MS);
  const empty: Loaded<S> = {
    state: request.aggregate.initial,
    expected: 'no_stream',
    recordedAt: 0,
    ids: new Set(),
    position: undefined,
  };
  const assumed = request.loaded ?? (request.assumeNew === true ? empty : undefined);
  let loaded = assumed ?? (await loadUntil(context, request, deadline));
  let doubtful: Attempt<A> | undefined;
  for (let conflicts = 0; ;) {
    if (doubtful !== undefined && doubtful.ids.every((id) => loaded.ids.has(id))) {
      // An attempt whose outcome was unknown turns out to be in the stream.
      return { kind: 'done', answer: doubtful.answer, position: loaded.position };
    }
    // A stream's stamps never run backwards, even where the clocks of two kernels differ.
    const recordedAt = Math.max(context.now(), loaded.recordedAt);
    const decision = request.decide(loaded.state, { recordedAt });
    if (!decision.ok) return { kind: 'rejected', rejection: decision.error };
    const { events, answer } = decision.value;
    if (events.length === 0) return { kind: 'done', answer, position: loaded.position };
    const { aggregate, stream } = request;
    const encoded = encodeAll(aggregate.codec, stream, events, { ...request.metadata, recordedAt });
    const result = await appendUntil(context, stream, loaded.expected, encoded, deadline);
    switch (result.outcome) {
      case 'appended':
        return {
          kind: 'done',
          answer,
          position: result.position,
          end: { expected: result.revision, recordedAt },
        };
      case 'refused':
        return { kind: 'refused', reason: result.reason, message: result.message };
      case 'unknown':
        return { kind: 'unknown' };
      case 'conflict':
        if (result.doubtful) doubtful = { answer, ids: encoded.map((event) => event.id) };
        conflicts += 1;
        if (conflicts > MAX_CONFLICTS) return { kind: 'conflict' };
        // The first conflict of what was only assumed says nothing about rivals that are at it now.
        if (conflicts > 1 || assumed === undefined) {
          await context.pause(context.random() * 10 * 2 ** conflicts);
        }
        try {
          loaded = await loadUntil(context, request, deadline);
        } catch (error) {
          // What was tried may be in the stream, and nobody can look.
          if (doubtful !== undefined && isOutage(error)) return { kind: 'unknown' };
          throw error;
        }
    }
  }
}

type Attempt<A> = { readonly answer: A; readonly ids: readonly string[] };

/** The same events at the same revision, until the store answers or the deadline has come. */
async function appendUntil(
  context: ExecuteContext,
  stream: string,
  expected: ExpectedRevision,
  events: readonly EventToAppend[],
  deadline: number,
): Promise<AppendResult & { readonly doubtful: boolean }> {
  for (let attempt = 0; ; attempt++) {
    const deadlineMs = millisecondsUntil(context, deadline);
    const result = await context.store.append(stream, expected, events, { deadlineMs });
    if (result.outcome !== 'unknown') return { ...result, doubtful: attempt > 0 };
    const wait = backoff(context, attempt);
    if (context.elapsed() + wait >= deadline) return { ...result, doubtful: true };
    await context.pause(wait);
  }
}

/**
 * Folds a stream, waiting out an outage as long as there is time.
 *
 * @param deadline by {@link ExecuteContext.elapsed}
 * @throws TocsinError `unavailable` when the store still cannot be read then
 */
export async function loadUntil<S, E>(
  context: ExecuteContext,
  request: Pick<ExecuteRequest<S, E, unknown, unknown>, 'aggregate' | 'stream'>,
  deadline: number,
): Promise<Loaded<S>> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await load(context, request, millisecondsUntil(context, deadline));
    } catch (error) {
      const wait = backoff(context, attempt);
      if (!isOutage(error) || context.elapsed() + wait >= deadline) throw error;
      await context.pause(wait);
    }
  }
}

/** What is left until a deadline by {@link ExecuteContext.elapsed}; at least 1, as a deadline has to be. */
export function millisecondsUntil(
  { elapsed }: Pick<ExecuteContext, 'elapsed'>,
  deadline: number,
): number {
  return Math.max(1, deadline - elapsed());
}

function backoff({ random }: ExecuteContext, attempt: number): number {
  return Math.min(20 * 2 ** attempt, 1000) * (0.5 + random() / 2);
}

function isOutage(error: unknown): boolean {
  return error instanceof TocsinError && error.kind === 'unavailable';
}

/** Folds a stream; an event of the aggregate's that cannot be read stops everything that needs it. */
export async function load<S, E>(
  context: { readonly store: Pick<EventStore, 'readStream'> },
  request: Pick<ExecuteRequest<S, E, unknown, unknown>, 'aggregate' | 'stream'>,
  silenceMs?: number,
): Promise<Loaded<S>> {
  const { aggregate, stream } = request;
  const ids = new Set<string>();
  let { initial: state } = aggregate;
  let expected: ExpectedRevision = 'no_stream';
  let recordedAt = 0;
  let position: Position | undefined;
  for await (const page of context.store.readStream(stream, { direction: 'forwards', silenceMs })) {
    for (const recorded of page) {
      const decoded = aggregate.codec.decode(recorded);
      if (decoded.kind === 'fault') throw unreadable(recorded, decoded.fault.detail);
      if (decoded.kind === 'event') {
        state = aggregate.evolve(state, decoded.event, recorded);
        recordedAt = Math.max(recordedAt, decoded.metadata.recordedAt);
      }
      ids.add(recorded.id);
      expected = recorded.revision;
      position = recorded.position;
    }
  }
  return { state, expected, recordedAt, ids, position };
}

/** Reads and folds a stream without deciding anything. */
export async function loadState<S, E>(
  store: Pick<EventStore, 'readStream'>,
  aggregate: Aggregate<S, E>,
  stream: string,
  silenceMs?: number,
): Promise<S> {
  return (await load({ store }, { aggregate, stream }, silenceMs)).state;
}

function unreadable(recorded: RecordedEvent, detail: string): TocsinError {
  return new TocsinError(
    'refused',
    'stream_unreadable',
    `event ${recorded.revision} of ${recorded.stream} (${recorded.type}) cannot be read: ${detail}`,
    {
      hint: 'A newer version may have written it; nothing is appended to a stream half understood.',
    },
  );
}
