// What the processes over trigger streams share: the state of a stream with where each occurrence came
// from, so that what follows later belongs to the same trace; and appending what a decider says.
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { MetadataSchema } from '../../domain/core/envelope.ts';
import { categoryPrefix, DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { ok, valueOf } from '../../domain/core/result.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { decider, type Decide, type KernelContext } from '../decider/decider.ts';

/** How an occurrence came about. */
type Origin = Pick<EventMetadata, 'correlationId' | 'causationId' | 'traceparent'>;

export type TracedState = {
  readonly trigger: TriggerState;
  /** By occurrence, from the first. */
  readonly origins: readonly Origin[];
};

export const tracedDecider = decider<TracedState, TriggerEvent>({
  codec: triggerCodec,
  initial: { trigger: initialTrigger, origins: [] },
  evolve: ({ trigger, origins }, event, at) => ({
    trigger: evolveTrigger(trigger, event),
    origins: event.type === 'TriggerRaised' ? [...origins, originOf(at)] : origins,
  }),
  unwritable: {
    code: 'trigger_unwritable',
    hint: 'The process tries again with backoff; check the event store if this goes on.',
  },
});

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
  context: Pick<KernelContext, 'store' | 'runtime'>,
  stream: string,
  command: { readonly id: string; readonly actor: string; readonly origin: Origin | undefined },
  decide: (
    state: TriggerState,
    at: { readonly recordedAt: Instant },
  ) => { readonly events: readonly TriggerEvent[]; readonly answer: A },
): Promise<A> {
  const { id: commandId, actor, origin } = command;
  const traced: Decide<TracedState, TriggerEvent, A, never> = ({ trigger }, at) =>
    ok(decide(trigger, at));
  const call = { ...origin, commandId, actor };
  return valueOf(await tracedDecider.transactOrThrow(context, stream, traced, call)).answer;
}
