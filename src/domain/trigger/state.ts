// The state of a trigger stream: its occurrences, in order.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { Offered } from '../preview/offered.ts';
import { evolvePreview, offeredPreview, type Preview } from '../preview/state.ts';
import type { TriggerEvent, TriggerEventData } from './events.ts';

/**
 * `pending` and `offered` are active: a raise onto them is a duplicate. `offered` stays after the preview
 * has ended; the others are finished.
 */
export type TriggerStatus =
  'pending' | 'offered' | 'closed' | 'rejected' | 'abandoned' | 'cancelled';

/** One raise of the trigger in its dedupe scope. */
export type Occurrence = {
  readonly raised: TriggerEventData<'TriggerRaised'>;
  readonly status: TriggerStatus;
  readonly preview?: Preview;
  /** The reason of `closed`, `rejected`, `abandoned` or `cancelled`. */
  readonly reason?: string;
  /** Failed evaluations, and the time of the next. */
  readonly failures?: number;
  readonly retryAt?: Instant | undefined;
};

export type TriggerState = { readonly occurrences: readonly Occurrence[] };

export const initialTrigger: TriggerState = { occurrences: [] };

/** Total: an event that does not fit the state changes nothing. */
export function evolveTrigger(state: TriggerState, event: TriggerEvent): TriggerState {
  return match(event)
    .with({ type: 'TriggerRaised' }, ({ data }) => ({
      occurrences: [...state.occurrences, { raised: data, status: 'pending' as const }],
    }))
    .with({ type: 'PreviewOffered' }, ({ data }) =>
      update(state, data.triggerId, () => ({ status: 'offered', preview: offeredPreview(data) })),
    )
    .with({ type: 'TriggerClosed' }, ({ data }) =>
      update(state, data.triggerId, () => ({ status: 'closed', reason: data.reason })),
    )
    .with({ type: 'TriggerRejected' }, ({ data }) =>
      update(state, data.triggerId, () => ({ status: 'rejected', reason: data.reason })),
    )
    .with({ type: 'TriggerEvaluationFailed' }, ({ data: { triggerId, attempt, retryAt } }) =>
      update(state, triggerId, () => ({ failures: attempt, retryAt })),
    )
    .with({ type: 'TriggerAbandoned' }, ({ data }) =>
      update(state, data.triggerId, () => ({ status: 'abandoned', reason: data.reason })),
    )
    .with({ type: 'TriggerCancelled' }, ({ data: { triggerId, personal } }) =>
      update(state, triggerId, () => {
        const { detail: reason } = personal;
        return { status: 'cancelled', ...(reason === undefined ? {} : { reason }) };
      }),
    )
    .with(
      { type: 'ApplyStarted' },
      { type: 'ApplySucceeded' },
      { type: 'ApplyFailed' },
      { type: 'PreviewEnded' },
      (change) =>
        update(state, change.data.triggerId, ({ preview }) =>
          preview === undefined ? {} : { preview: evolvePreview(preview, change) },
        ),
    )
    .with({ type: 'NotificationRequested' }, { type: 'DuplicateRaised' }, () => state)
    .exhaustive();
}

/** The occurrence of that number, from 1; absent, the latest. */
export function occurrenceOf(state: TriggerState, number?: number): Occurrence | undefined {
  return state.occurrences.at(number === undefined ? -1 : number - 1);
}

/** The preview of the occurrence of that number, once it has offered. */
export function offeredOf(state: TriggerState, number: number): Offered | undefined {
  const { raised, preview } = occurrenceOf(state, number) ?? {};
  return raised === undefined || preview === undefined ? undefined : { raised, preview };
}

/** True while another raise is a duplicate. */
export function isActive(occurrence: Occurrence | undefined): boolean {
  return occurrence?.status === 'pending' || occurrence?.status === 'offered';
}

function update(
  state: TriggerState,
  id: string,
  change: (occurrence: Occurrence) => Partial<Occurrence>,
): TriggerState {
  return {
    occurrences: state.occurrences.map((occurrence) =>
      occurrence.raised.triggerId === id ? { ...occurrence, ...change(occurrence) } : occurrence,
    ),
  };
}
