// Shared by the processes over trigger streams: the state of a stream with the origin of each occurrence, so
// that later events belong to the same trace, and the append of a decision.
import { MetadataSchema, type EventMetadata } from '../../domain/core/envelope.ts';
import { categoryPrefix, DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { ok, valueOf } from '../../domain/core/result.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { decider, type Decide, type KernelContext } from '../decider/decider.ts';

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

export function triggerPrefixes(kernel: string = DEFAULT_KERNEL_NAME): readonly string[] {
  return [categoryPrefix(kernel, 'trigger')];
}

export function triggerEventOf(recorded: RecordedEvent) {
  const decoded = triggerCodec.decode(recorded);
  if (decoded.kind !== 'event') return undefined;
  return { ...decoded.event, recordedAt: decoded.metadata.recordedAt };
}

/** Decides, appends and returns the answer; throws when nothing was appended, and the process tries again. */
export async function append<A>(
  context: Pick<KernelContext, 'store' | 'runtime'>,
  stream: string,
  command: { readonly id: string; readonly actor: string; readonly origin: Origin | undefined },
  decide: (
    state: TriggerState,
    at: { readonly recordedAt: Instant },
  ) => { readonly events: readonly TriggerEvent[]; readonly answer?: A },
): Promise<A | undefined> {
  const { id: commandId, actor, origin } = command;
  const traced: Decide<TracedState, TriggerEvent, A | undefined, never> = ({ trigger }, at) =>
    ok({ answer: undefined, ...decide(trigger, at) });
  const call = { ...origin, commandId, actor };
  return valueOf(await tracedDecider.transactOrThrow(context, stream, traced, call)).answer;
}
