// What the fold must know from before a page: one look-up of notices for all of the page's requests, and
// what was decided since the read model's last commit laid over it.
import type { Instant } from '../../domain/core/instants.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { evolvePolicies, policyFor } from '../../domain/policy/in-force.ts';
import {
  instantOf,
  neighbourhoodOf,
  spanOf,
  type Instants,
  type PastNotification,
} from '../../domain/policy/windows.ts';
import type {
  SentNotification,
  SentNotificationRange,
  SentNotificationRef,
  NotificationSubject,
  ReadModelReader,
} from '../read-model.ts';
import type { FoldState, Prior } from './fold.ts';
import { retriedSteps } from './retried.ts';
import type { ClassifiedEvent } from './classify.ts';
import { instantsOf, subjectOf, subjectText, type SentById } from './subjects.ts';

/** Where a fold gets what it must know. */
export type KnownSources = {
  readonly log: Pick<EventStore, 'readStream'>;
  readonly kernel: string;
  readonly state: Pick<ReadModelReader, 'sentNotificationsIn' | 'sentNotificationsById'>;
  /** A subject's notices that were decided or amended, but are not in the read model yet. */
  readonly uncommitted?: (subject: string) => SentById | undefined;
};

/** Everything that {@link foldPage} must be handed besides the page. */
export async function priorFor(
  sources: KnownSources,
  fold: FoldState,
  steps: readonly ClassifiedEvent[],
  parked: ReadonlySet<string>,
): Promise<Prior> {
  const { log, kernel, state } = sources;
  const retried = await retriedSteps(log, kernel, steps);
  const decided = steps.flatMap((step): Decided[] => decidedBy(step, retried));
  const refs = decided.flatMap(({ step }) => (step.kind === 'undelivered' ? [step.ref] : []));
  refs.push(...decided.flatMap(({ step }) => (step.kind === 'redriven' ? [step.ref] : [])));
  const sentNotifications = new Map<string, Map<string, SentNotification>>();
  const add = (notice: SentNotification): void => {
    const subject = subjectText(notice);
    const known = sentNotifications.get(subject);
    if (known === undefined) sentNotifications.set(subject, new Map([[notice.id, notice]]));
    else known.set(notice.id, notice);
  };
  const overlay = (subject: NotificationSubject): void => {
    sources.uncommitted?.(subjectText(subject))?.forEach(add);
  };
  if (refs.length > 0) {
    state.sentNotificationsById(refs).forEach(add);
    refs.forEach(overlay);
  }
  const find = (ref: SentNotificationRef): SentNotification | undefined =>
    sentNotifications.get(subjectText(ref))?.get(ref.id);
  const ranges = rangesOf(fold, decided, find);
  if (ranges.length > 0) {
    state.sentNotificationsIn(ranges).forEach(add);
    ranges.forEach(overlay);
  }
  return { sentNotifications, parked, retried };
}

/** A step that is decided here, and the stamp of the event at whose place that happens. */
type Decided = { readonly step: ClassifiedEvent; readonly recordedAt: Instant };

function decidedBy(
  step: ClassifiedEvent,
  retried: ReadonlyMap<string, ClassifiedEvent>,
): Decided[] {
  if (step.kind === 'request') return [{ step, recordedAt: step.metadata.recordedAt }];
  if (step.kind === 'resolved') {
    const again = retried.get(step.data.event);
    return again === undefined ? [] : [{ step: again, recordedAt: step.metadata.recordedAt }];
  }
  const isOfConcern =
    step.kind === 'policy' || step.kind === 'undelivered' || step.kind === 'redriven';
  return isOfConcern ? [{ step, recordedAt: 0 }] : [];
}

/** Where notices can lie that bear on what the page decides, each under the policy in force there. */
function rangesOf(
  fold: FoldState,
  decided: readonly Decided[],
  find: (ref: SentNotificationRef) => PastNotification | undefined,
): SentNotificationRange[] {
  let { policies } = fold;
  const releases = decided.some(({ step }) => step.kind === 'undelivered');
  const requested: { readonly subject: string; readonly instants: Instants }[] = [];
  const ranges: SentNotificationRange[] = [];
  for (const { step, recordedAt } of decided) {
    if (step.kind === 'policy') policies = evolvePolicies(policies, step.change);
    if (step.kind === 'request') {
      const subject = subjectOf(step.data);
      const policy = policyFor(policies, subject.triggerType);
      const instants = instantsOf(step.data, recordedAt);
      const span = spanOf(policy, subject, instantOf(policy, instants));
      ranges.push({ ...subject, axis: policy.axis, ...span });
      if (releases) requested.push({ subject: subjectText(subject), instants });
    }
    if (step.kind === 'undelivered') {
      const { ref } = step;
      const policy = policyFor(policies, ref.triggerType);
      const { mock, user, triggerType } = ref;
      const found = find(ref);
      // The notice, or one of the page's own requests, which may become it.
      const candidates = requested.filter(({ subject }) => subject === subjectText(ref));
      const instants = candidates.map((candidate) => candidate.instants);
      if (found !== undefined) instants.push(found);
      for (const each of instants) {
        const span = neighbourhoodOf(policy, ref, instantOf(policy, each));
        ranges.push({ mock, user, triggerType, axis: policy.axis, ...span });
      }
    }
  }
  return ranges;
}
