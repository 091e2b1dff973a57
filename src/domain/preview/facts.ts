// The events about a preview, as its deciders write them.
import type { TriggerEvent, TriggerEventData } from '../trigger/events.ts';
import { occurrenceOf, type TriggerState } from '../trigger/state.ts';
import type { Apply, Preview } from './state.ts';

/** An occurrence that has offered a preview. */
export type Offered = {
  readonly raised: TriggerEventData<'TriggerRaised'>;
  readonly preview: Preview;
};

/** The occurrence of that number, once it has offered. */
export function offeredOf(state: TriggerState, number: number): Offered | undefined {
  const { raised, preview } = occurrenceOf(state, number) ?? {};
  return raised === undefined || preview === undefined ? undefined : { raised, preview };
}

export function applyStarted(offered: Offered, apply: Apply): TriggerEvent {
  const { attempt, idempotencyKey, requestHash, leaseUntil, changes } = apply;
  const about = applyFacts(offered, apply);
  const facts = { ...about, attempt, idempotencyKey, requestHash, leaseUntil };
  return { type: 'ApplyStarted', data: { ...facts, personal: { changes: [...changes] } } };
}

export function applySucceeded(
  offered: Offered,
  apply: Apply,
  appliedEventIds: string[],
): TriggerEvent {
  return { type: 'ApplySucceeded', data: { ...applyFacts(offered, apply), appliedEventIds } };
}

export function applyFailed(
  offered: Offered,
  apply: Apply,
  { code, detail }: { readonly code: string; readonly detail?: string | undefined },
): TriggerEvent {
  return {
    type: 'ApplyFailed',
    data: { ...applyFacts(offered, apply), code, personal: { detail } },
  };
}

export function previewEnded(
  offered: Offered,
  ending: NonNullable<Preview['ending']>,
  { applyId, detail }: { readonly applyId?: string; readonly detail?: string | undefined } = {},
): TriggerEvent {
  const personal = detail === undefined ? undefined : { detail };
  return { type: 'PreviewEnded', data: { ...previewFacts(offered), ending, applyId, personal } };
}

function applyFacts(offered: Offered, { applyId, candidateId }: Apply) {
  const { traceId } = offered.raised;
  const { expiresAt } = offered.preview;
  return { ...previewFacts(offered), applyId, candidateId, traceId, expiresAt };
}

function previewFacts({ raised, preview: { previewId } }: Offered) {
  const { triggerId, occurrence, userId } = raised;
  return { triggerId, occurrence, previewId, userId };
}
