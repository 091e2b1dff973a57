// What a trigger stream's events amount to: its occurrences, in order.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { TriggerEvent, TriggerEventData } from './events.ts';

/** `pending` and `offered` are active: raising onto them is a duplicate. */
export type TriggerStatus = 'pending' | 'offered' | 'closed' | 'rejected';

export type Preview = {
  readonly previewId: string;
  readonly kind: TriggerEventData<'PreviewOffered'>['kind'];
  readonly offeredAt: Instant;
  readonly expiresAt: Instant;
};

/** One time that this scope's trigger fired. */
export type Occurrence = {
  readonly raised: TriggerEventData<'TriggerRaised'>;
  readonly status: TriggerStatus;
  readonly preview?: Preview;
  /** Why it was closed or rejected. */
  readonly reason?: string;
};

export type TriggerState = { readonly occurrences: readonly Occurrence[] };

export const initialTrigger: TriggerState = { occurrences: [] };

/** Total: an event that makes no sense here changes nothing. */
export function evolveTrigger(state: TriggerState, event: TriggerEvent): TriggerState {
  return match(event)
    .with({ type: 'TriggerRaised' }, ({ data }) => ({
      occurrences: [...state.occurrences, { raised: data, status: 'pending' as const }],
    }))
    .with({ type: 'PreviewOffered' }, ({ data }) => {
      const { previewId, kind, offeredAt, expiresAt } = data;
      const preview = { previewId, kind, offeredAt, expiresAt };
      return update(state, data.triggerId, { status: 'offered', preview });
    })
    .with({ type: 'TriggerClosed' }, ({ data }) =>
      update(state, data.triggerId, { status: 'closed', reason: data.reason }),
    )
    .with({ type: 'TriggerRejected' }, ({ data }) =>
      update(state, data.triggerId, { status: 'rejected', reason: data.reason }),
    )
    .with({ type: 'NotificationRequested' }, { type: 'DuplicateRaised' }, () => state)
    .exhaustive();
}

/** The occurrence of that number, from 1; absent, the latest. */
export function occurrenceOf(state: TriggerState, number?: number): Occurrence | undefined {
  return state.occurrences.at(number === undefined ? -1 : number - 1);
}

/** True while raising again is a duplicate; an offer is final for dedupe. */
export function isActive(occurrence: Occurrence | undefined): boolean {
  return occurrence?.status === 'pending' || occurrence?.status === 'offered';
}

function update(state: TriggerState, id: string, change: Partial<Occurrence>): TriggerState {
  return {
    occurrences: state.occurrences.map((occurrence) =>
      occurrence.raised.triggerId === id ? { ...occurrence, ...change } : occurrence,
    ),
  };
}
