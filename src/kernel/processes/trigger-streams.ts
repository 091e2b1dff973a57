// What the processes over trigger streams share: the state of a stream with where each occurrence came
// from, so that what follows later belongs to the same trace; and appending what a decider says.
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { MetadataSchema } from '../../domain/core/envelope.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix, DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { ok } from '../../domain/core/result.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { execute, type Aggregate, type ExecuteContext } from '../decider/execute.ts';

/** How an occurrence came about. */
type Origin = Pick<EventMetadata, 'correlationId' | 'causationId' | 'traceparent'>;

export type TracedState = {
  readonly trigger: TriggerState;
  /** By occurrence, from the first. */
  readonly origins: readonly Origin[];
};

export const tracedTrigger: Aggregate<TracedState, TriggerEvent> = {
  codec: triggerCodec,
  initial: { trigger: initialTrigger, origins: [] },
  evolve: ({ trigger, origins }, event, at) => ({
    trigger: evolveTrigger(trigger, event),
    origins: event.type === 'TriggerRaised' ? [...origins, originOf(at)] : origins,
  }),
};

function originOf(at: RecordedEvent): Origin {
  const metadata = MetadataSchema.safeParse(at.metadata);
  if (!metadata.success) return { correlationId: at.id, causationId: at.id };
  const { correlationId, traceparent } = metadata.data;
  return { correlationId, causationId: at.id, traceparent };
}

/** Starts of the names of the trigger streams. */
export function triggerPrefixes(kernel: string = DEFAULT_KERNEL_NAME): readonly string[] {
  return [categoryPrefix(kernel, 'trigger')];
}

/** The event, where it is one of a trigger's that can be read. */
export function triggerEventOf(recorded: RecordedEvent): TriggerEvent | undefined {
  const decoded = triggerCodec.decode(recorded);
  return decoded.kind === 'event' ? decoded.event : undefined;
}

/** When an event was appended; a stored event without a stamp is due at once. */
export function recordedAtOf(recorded: RecordedEvent): Instant {
  const metadata = MetadataSchema.safeParse(recorded.metadata);
  return metadata.success ? metadata.data.recordedAt : 0;
}

/**
 * Appends what `decide` makes of a trigger's stream, and gives its answer.
 * @throws TocsinError for whatever kept it from being written; the process tries again
 */
export async function append<A>(
  context: ExecuteContext,
  stream: string,
  occurrence: number,
  command: { readonly id: string; readonly actor: string; readonly origin: Origin | undefined },
  decide: (
    state: TriggerState,
    at: { readonly recordedAt: Instant },
  ) => { readonly events: readonly TriggerEvent[]; readonly answer: A },
): Promise<A> {
  const { id, actor, origin } = command;
  const metadata = { correlationId: id, causationId: id, ...origin, commandId: id, actor };
  const result = await execute(context, {
    aggregate: tracedTrigger,
    stream,
    metadata,
    decide: ({ trigger }, at) => ok(decide(trigger, at)),
  });
  if (result.kind === 'done') return result.answer;
  const why = result.kind === 'refused' ? result.reason : result.kind;
  throw new TocsinError('internal', why, `occurrence ${occurrence} of ${stream}: ${why}`, {
    hint: 'It is tried again with backoff; look at the event store if this goes on.',
  });
}
