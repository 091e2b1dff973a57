// Commits for the read model's suites: what a projector would write, made from a few numbers.
import fc from 'fast-check';
import type { ReadModelTables } from '../../src/projections/audit/reading/ports.ts';
import type {
  Checkpoint,
  ControlRow,
  MutedRequest,
  SentNotification,
  SentNotificationRange,
  ParkedRow,
  ReadModel,
  ReadModelCommit,
  RecentMessageRow,
  SuppressedRequests,
  VerdictRow,
} from '../../src/projections/read-model.ts';
import { MAX_INSTANT } from '../../src/domain/core/instants.ts';
import { DEFAULT_WINDOW_MS, tumblingWindowStart } from '../../src/domain/core/windows.ts';

/** One store for read models: a file, or what stands for it. */
export type ReadModelHarness = Disposable & {
  /** Opens a read model on the store; the one before must be disposed, or count as dead. */
  readonly open: () => ReadModel & ReadModelTables;
  /** Makes somebody else the owner, behind the back of the one that is open. */
  readonly takeOver: () => void;
};

export const AT = Date.UTC(2026, 3, 30, 2, 17, 42, 123);

export function checkpointAt(sequence: bigint, more: Partial<Checkpoint> = {}): Checkpoint {
  return {
    storeId: 'store-1',
    output: 'output-1',
    position: { commit: sequence * 100n, prepare: sequence * 100n },
    lastEvent: { id: `event-${sequence}`, stream: 'tocsin.control', revision: sequence },
    ruleset: 1,
    ordinal: sequence,
    sequence,
    digest: `digest-${sequence}`,
    counts: { events: 0, triggered: 0, published: 0, suppressed: 0, parked: 0, unknown: 0 },
    ...more,
  };
}

export function sentNotificationOf(more: Partial<SentNotification> = {}): SentNotification {
  const requestedAt = more.requestedAt ?? AT;
  return {
    id: 'notice-1',
    mock: false,
    user: '42',
    triggerType: 'important_urgent_task',
    targetType: 'task_pool',
    targetId: '7',
    windowStart: tumblingWindowStart(requestedAt, DEFAULT_WINDOW_MS),
    per: 'user',
    suppressedSince: null,
    requestedAt,
    recordedAt: requestedAt + 5,
    severity: null,
    bypass: false,
    released: false,
    releases: 0,
    heldAt: null,
    ...more,
  };
}

export function verdictOf(event: string, more: Partial<VerdictRow> = {}): VerdictRow {
  return {
    event,
    position: { commit: 7n, prepare: 7n },
    stream: 'tocsin.trigger-ab-1',
    revision: 1n,
    ruleset: 1,
    user: '1',
    triggerType: 'important_urgent_task',
    windowStart: AT,
    verdict: 'suppressed',
    reason: 'window_held',
    basis: 'notice-1',
    messageId: null,
    sequence: null,
    ...more,
  };
}

export function recentMessageOf(
  sequence: bigint,
  more: Partial<RecentMessageRow> = {},
): RecentMessageRow {
  return {
    sequence,
    ordinal: sequence,
    source: `event-${sequence}`,
    position: { commit: sequence * 100n, prepare: sequence * 100n },
    stream: 'tocsin.trigger-ab-1',
    revision: 0n,
    rule: 'triggered',
    ruleset: 1,
    id: `message-${sequence}`,
    digest: `digest-${sequence}`,
    recordedAt: AT,
    ...more,
  };
}

/** The messages from `first` to `last`, both included. */
export function recentMessagesFrom(first: number, last: number): readonly RecentMessageRow[] {
  return Array.from({ length: last - first + 1 }, (_, index) =>
    recentMessageOf(BigInt(first + index)),
  );
}

export function controlOf(revision: bigint): ControlRow {
  const position = { commit: revision, prepare: revision };
  return { event: `c-${revision}`, position, revision, type: 'RulesetActivated', digest: 'd' };
}

export function parkedOf(event: string, more: Partial<ParkedRow> = {}): ParkedRow {
  return {
    event,
    position: { commit: 7n, prepare: 7n },
    stream: 'tocsin.trigger-ab-1',
    revision: 1n,
    type: 'NotificationRequested',
    code: 'schema',
    detail: 'requestedAt is missing',
    ruleset: 1,
    ...more,
  };
}

export function suppressedOf(more: Partial<SuppressedRequests> = {}): SuppressedRequests {
  const subject = { user: '42', triggerType: 'important_urgent_task', mock: false };
  const since = { count: 1, firstAt: AT, secondAt: null, position: '7/7' };
  return { ...subject, targetType: '', targetId: '', ...since, ...more };
}

export function mutedOf(event: string, more: Partial<MutedRequest> = {}): MutedRequest {
  return {
    event,
    position: { commit: 7n, prepare: 7n },
    stream: 'tocsin.trigger-ab-1',
    revision: 1n,
    user: '1',
    triggerType: 'important_urgent_task',
    targetType: 'task_pool',
    targetId: '7',
    per: 'user',
    expiresAt: AT,
    ...more,
  };
}

/** A commit that moves the sequence to `sequence`, with what else is said. */
export function commitOf(
  sequence: bigint,
  more: Partial<Omit<ReadModelCommit, 'checkpoint'>> = {},
  checkpoint: Partial<Checkpoint> = {},
): ReadModelCommit {
  return {
    checkpoint: checkpointAt(sequence, checkpoint),
    sentNotifications: [],
    amended: [],
    verdicts: [],
    recentMessages: [],
    parked: [],
    unparked: [],
    ...more,
  };
}

/** A full batch: one trigger and one request per pair of messages, the last of them at `sequence`. */
export function batchUpTo(sequence: bigint, size = 30): ReadModelCommit {
  const ids = Array.from({ length: size }, (_, index) => sequence - BigInt(size - 1 - index));
  return commitOf(sequence, {
    recentMessages: ids.map((id) => recentMessageOf(id)),
    sentNotifications: ids.map((id) =>
      sentNotificationOf({ id: `message-${id}`, user: String(id), requestedAt: AT + Number(id) }),
    ),
    verdicts: ids.map((id) =>
      verdictOf(`request-${id}`, {
        verdict: 'published',
        reason: 'first',
        basis: null,
        messageId: `message-${id}`,
        sequence: id,
      }),
    ),
  });
}

/** Few subjects, each one part away from others, so that they meet and just miss. */
const subjects = {
  mock: fc.boolean(),
  user: fc.constantFrom('1', '10', '2'),
  triggerType: fc.constantFrom('a', 'a_b'),
};

/** Few instants, so that ranges begin and end on them. */
const fewInstants = fc.constantFrom(0, 1, 5, 6, AT);

const targets = {
  targetType: fc.constantFrom('task_pool', 'task'),
  targetId: fc.constantFrom('7', '77'),
};

/** Ranges that may be empty, on both axes, of any target and of one. */
export const rangesOfFew: fc.Arbitrary<SentNotificationRange> = fc.record({
  ...subjects,
  axis: fc.constantFrom('requestedAt', 'recordedAt'),
  target: fc.option(fc.record(targets)),
  from: fewInstants,
  to: fewInstants,
});

export const sentNotificationsOfFew: fc.Arbitrary<readonly SentNotification[]> = listOf(
  fc.record({ ...subjects, ...targets, requestedAt: fewInstants, recordedAt: fewInstants }),
);

/** Notices whose users' order as text is not their order beside a colon, and windows of all times. */
export const sentNotificationLists: fc.Arbitrary<readonly SentNotification[]> = listOf(
  fc.record({
    mock: fc.boolean(),
    user: fc.oneof(
      fc.constantFrom('1', '10', '100', '1-', '1.', '1@', '1A', '1_', '2', '9', '042', '42'),
      fc.stringMatching(/^[A-Za-z0-9._@-]{1,12}$/),
    ),
    triggerType: fc.constantFrom('a', 'a_b', 'a0', 'aa', 'important_urgent_task'),
    targetId: fc.constantFrom('7', '70', 'a:b', '50%'),
    per: fc.constantFrom('user', 'target', 'request'),
    windowStart: fc.oneof(
      fc.constantFrom(0, DEFAULT_WINDOW_MS, AT),
      fc.integer({ min: -DEFAULT_WINDOW_MS, max: MAX_INSTANT }),
    ),
  }),
);

function listOf(
  parts: fc.Arbitrary<Partial<SentNotification>>,
): fc.Arbitrary<readonly SentNotification[]> {
  return fc
    .array(parts, { maxLength: 40 })
    .map((all) => all.map((part, index) => sentNotificationOf({ ...part, id: `notice-${index}` })));
}
