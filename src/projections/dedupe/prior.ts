// The state from before a page that the fold needs: sent notifications whose windows can matter, and parked events
// that operators retry. Both are looked up once for all events of the page.
import type { Instant } from '../../domain/core/instants.ts';
import { evolvePolicies, policyFor, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import { keyedPer } from '../../domain/policy/dedupe-key.ts';
import { PER, type KeyedPer } from '../../domain/policy/per.ts';
import type { Policy } from '../../domain/policy/policy.ts';
import {
  instantOf,
  isPerTarget,
  neighbourhoodOf,
  spanOf,
  type Instants,
  type Span,
} from '../../domain/policy/windows.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type {
  MutedRequest,
  NotificationSubject,
  ReadModelReader,
  SentNotification,
  SentNotificationRange,
  SuppressedKey,
  SuppressedRequests,
} from '../read-model.ts';
import { classifyAll, type ClassifiedEvent } from './classify.ts';
import type { UncommittedMuted } from './muted.ts';
import {
  addSent,
  instantsOf,
  subjectOf,
  subjectText,
  type RequestSubject,
  type SentById,
  type SentBySubject,
} from './sent.ts';
import { suppressedKey, suppressedText, type SuppressedByKey } from './suppressed.ts';

export type Prior = {
  /** Sent notifications by {@link subjectText} and id: all that can affect the page's verdicts. */
  readonly sentNotifications: ReadonlyMap<string, SentById>;
  /** Requests that were suppressed since the last notification, of each key that the page has requests of. */
  readonly suppressed: SuppressedByKey;
  /** Of the requests that the page releases: those that a mute has suppressed. */
  readonly muted: ReadonlyMap<string, MutedRequest>;
  readonly parked: ReadonlySet<string>;
  /** The events that operators retry or release. */
  readonly retried: ReadonlyMap<string, ClassifiedEvent>;
};

export type PriorSources = {
  readonly kernel: string;
  readonly log: Pick<EventStore, 'readStream'>;
  readonly readModel: Pick<
    ReadModelReader,
    'sentNotificationsIn' | 'sentNotificationsById' | 'suppressedRequestsOf' | 'mutedRequestsOf'
  >;
  /** Decided or amended, but not in the read model yet; these win over the read model's. */
  readonly uncommitted: ReadonlyMap<string, SentById>;
  readonly uncommittedSuppressed: SuppressedByKey;
  readonly uncommittedMuted: UncommittedMuted;
  readonly parked: ReadonlySet<string>;
};

/** @param policies in force before the page */
export async function priorFor(
  sources: PriorSources,
  policies: PoliciesInForce,
  events: readonly ClassifiedEvent[],
): Promise<Prior> {
  const { kernel, log, readModel, uncommitted, uncommittedSuppressed, parked } = sources;
  const retried = await retriedEvents(log, kernel, events);
  const sentNotifications: SentBySubject = new Map();
  const add = (sent: SentNotification): void => {
    addSent(sentNotifications, sent);
  };
  const addUncommitted = (subject: NotificationSubject): void => {
    uncommitted.get(subjectText(subject))?.forEach(add);
  };
  const decisions = decisionsOf(events, retried);
  const refs = decisions.flatMap(({ event }) =>
    event.kind === 'undelivered' || event.kind === 'redriven' ? [event.ref] : [],
  );
  if (refs.length > 0) {
    readModel.sentNotificationsById(refs).forEach(add);
    refs.forEach(addUncommitted);
  }
  const { ranges, keys } = lookupsOf(policies, decisions, sentNotifications);
  if (ranges.length > 0) {
    readModel.sentNotificationsIn(ranges).forEach(add);
    // Each subject once: a page may have many requests of one user, and so may the pages before it.
    new Map(ranges.map((range) => [subjectText(range), range])).forEach(addUncommitted);
  }
  const suppressed = new Map<string, SuppressedRequests>();
  for (const row of readModel.suppressedRequestsOf([...keys.values()])) {
    suppressed.set(suppressedText(row), row);
  }
  for (const text of keys.keys()) {
    const row = uncommittedSuppressed.get(text);
    if (row !== undefined) suppressed.set(text, row);
  }
  const muted = mutedOf(sources, events);
  return { sentNotifications, suppressed, muted, parked, retried };
}

const NONE_MUTED: Prior['muted'] = new Map();

function mutedOf(
  { readModel, uncommittedMuted }: PriorSources,
  events: readonly ClassifiedEvent[],
): Prior['muted'] {
  const released = events.flatMap((event) =>
    event.kind === 'request_released' ? [event.data.event] : [],
  );
  if (released.length === 0) return NONE_MUTED;
  return uncommittedMuted.over(released, readModel.mutedRequestsOf(released));
}

/** The events that operators retry or release, except those whose stream is deleted. */
async function retriedEvents(
  log: PriorSources['log'],
  kernel: string,
  events: readonly ClassifiedEvent[],
): Promise<ReadonlyMap<string, ClassifiedEvent>> {
  const retried = new Map<string, ClassifiedEvent>();
  for (const resolving of events) {
    if (resolving.kind !== 'request_released') {
      if (resolving.kind !== 'resolved' || resolving.data.action !== 'retry') continue;
    }
    const { event, stream, revision } = resolving.data;
    const options = { direction: 'forwards', from: revision, maxCount: 1 } as const;
    for await (const [recorded] of log.readStream(stream, options)) {
      const found = recorded?.id === event ? [recorded] : [];
      for (const again of await classifyAll(kernel, log, found)) retried.set(event, again);
      break;
    }
  }
  return retried;
}

/** An event to decide, and the `recordedAt` to decide it with. */
type Decision = {
  readonly event: ClassifiedEvent;
  readonly recordedAt: Instant;
  readonly isRelease?: boolean;
};

function decisionsOf(
  events: readonly ClassifiedEvent[],
  retried: ReadonlyMap<string, ClassifiedEvent>,
): Decision[] {
  const decisions: Decision[] = [];
  for (const event of events) {
    if (event.kind === 'request') {
      decisions.push({ event, recordedAt: event.metadata.recordedAt });
    } else if (event.kind === 'resolved' || event.kind === 'request_released') {
      const again = retried.get(event.data.event);
      const { recordedAt } = event.metadata;
      const isRelease = event.kind === 'request_released';
      if (again !== undefined) decisions.push({ event: again, recordedAt, isRelease });
    } else if (
      event.kind === 'policy' ||
      event.kind === 'undelivered' ||
      event.kind === 'redriven'
    ) {
      decisions.push({ event, recordedAt: 0 });
    }
  }
  return decisions;
}

type Lookups = {
  /** The ranges of sent notifications that can affect the page's verdicts, each by the policy in force. */
  readonly ranges: readonly SentNotificationRange[];
  /** By {@link suppressedText}. */
  readonly keys: ReadonlyMap<string, SuppressedKey>;
};

function lookupsOf(
  initial: PoliciesInForce,
  decisions: readonly Decision[],
  sent: SentBySubject,
): Lookups {
  let policies = initial;
  const keys = new Map<string, SuppressedKey>();
  const addKey = (per: KeyedPer, subject: RequestSubject): void => {
    const key = suppressedKey(per, subject);
    keys.set(suppressedText(key), key);
  };
  const releases = decisions.some(({ event }) => event.kind === 'undelivered');
  const requested: (RequestSubject & Instants)[] = [];
  const ranges: SentNotificationRange[] = [];
  for (const { event, recordedAt, isRelease } of decisions) {
    if (event.kind === 'policy') policies = evolvePolicies(policies, event.change);
    if (event.kind === 'request') {
      const subject = subjectOf(event.data);
      const policy = policyFor(policies, subject.triggerType);
      const instants = instantsOf(event.data, recordedAt);
      const span = spanOf(policy, subject, instantOf(policy, instants));
      addRange(ranges, policy, subject, span);
      addKey(keyedPer(policy), subject);
      // A released request may be counted under the key of an earlier policy.
      if (isRelease === true) for (const per of PER) addKey(per, subject);
      if (releases) requested.push({ ...subject, ...instants });
    }
    if (event.kind === 'undelivered') {
      const policy = policyFor(policies, event.ref.triggerType);
      const text = subjectText(event.ref);
      // The notification may also come from a request of this same page.
      const undelivered: (RequestSubject & Instants)[] = requested.filter(
        (subject) => subjectText(subject) === text,
      );
      const found = sent.get(text)?.get(event.ref.id);
      if (found !== undefined) undelivered.push(found);
      for (const each of undelivered) {
        addRange(ranges, policy, each, neighbourhoodOf(policy, each, instantOf(policy, each)));
      }
    }
  }
  return { ranges, keys };
}

/** Without windows no notification matters, and nothing is looked up. */
function addRange(
  ranges: SentNotificationRange[],
  policy: Policy,
  { mock, user, triggerType, targetType, targetId }: RequestSubject,
  { from, to }: Span,
): void {
  if (policy.kind === 'none') return;
  const target = isPerTarget(policy) ? { targetType, targetId } : null;
  ranges.push({ mock, user, triggerType, axis: policy.axis, from, to, target });
}
