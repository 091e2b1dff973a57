import { describe, expect, test } from 'vitest';
import { ok } from '../../src/domain/core/result.ts';
import type {
  CancelDueJob,
  BlockerChanged,
  RecordInspection,
  PlanInspection,
} from '../../src/schedule/due-job/commands.ts';
import {
  decideCancel,
  decideBlockerChanged,
  decideInspected,
  decidePlan,
  dueJobKey,
  retryMs,
} from '../../src/schedule/due-job/decide.ts';
import type { DueJobEvent, DueJobEventData } from '../../src/schedule/due-job/events.ts';
import { evolveDueJob, initialDueJob, type DueJobState } from '../../src/schedule/due-job/state.ts';
import {
  dueJobId,
  dueJobStream,
  dueJobTraceId,
  parseDueJobId,
} from '../../src/schedule/due-job/stream.ts';
import { givenOf } from '../../src/testing.ts';

const subject = { userId: '42', kind: 'task', subjectId: '7' };
const stream = dueJobStream('tocsin', subject);
const about = { jobId: dueJobId(stream), ...subject };

const T = Date.UTC(2026, 3, 30, 10);
const MINUTE = 60_000;

type Command =
  | PlanInspection
  | BlockerChanged
  | ({ readonly kind: 'cancel' } & CancelDueJob)
  | ({ readonly kind: 'inspected'; readonly now: number } & RecordInspection);

const given = givenOf<DueJobState, DueJobEvent, Command, { readonly code: never }>({
  initial: initialDueJob,
  evolve: evolveDueJob,
  decide(state, command) {
    switch (command.kind) {
      case 'plan':
        return ok(decidePlan(state, command, stream));
      case 'blocker_changed':
        return ok(decideBlockerChanged(state, command, stream));
      case 'cancel':
        return ok(decideCancel(state, command, stream));
      case 'inspected':
        return ok(decideInspected(state, command, { stream, now: command.now }));
    }
  },
});

type Data<T extends DueJobEvent['type']> = Omit<DueJobEventData<T>, keyof typeof about>;

const scheduled = (data: Partial<Data<'DueJobScheduled'>> = {}): DueJobEvent => ({
  type: 'DueJobScheduled',
  data: { ...about, round: 1, triggerAt: T, fingerprint: 'v1', ...data },
});
const rescheduled = (data: Data<'DueJobRescheduled'>): DueJobEvent => ({
  type: 'DueJobRescheduled',
  data: { ...about, ...data },
});
const deferred = (data: Data<'DueJobDeferred'>): DueJobEvent => ({
  type: 'DueJobDeferred',
  data: { ...about, ...data },
});
const cancelled = (data: Data<'DueJobCancelled'>): DueJobEvent => ({
  type: 'DueJobCancelled',
  data: { ...about, ...data },
});
const skipped = (data: Data<'DueJobSkipped'>): DueJobEvent => ({
  type: 'DueJobSkipped',
  data: { ...about, ...data },
});
const triggered = (data: Partial<Data<'DueJobTriggered'>> = {}): DueJobEvent => ({
  type: 'DueJobTriggered',
  data: { ...about, triggerId: 'ast_1', duplicate: false, fingerprint: 'v1', ...data },
});
const failed = (data: Data<'DueJobFailed'>): DueJobEvent => ({
  type: 'DueJobFailed',
  data: { ...about, ...data },
});

const planned = (at: number, fingerprint = 'v1'): PlanInspection => ({
  kind: 'plan',
  subject,
  at,
  fingerprint,
});
const unplanned = (fingerprint = 'v2'): PlanInspection => ({
  kind: 'plan',
  subject,
  at: undefined,
  code: 'task_not_schedulable',
  fingerprint,
});
const inspected = (
  result: RecordInspection['result'],
  more: { now?: number; round?: number; triggerAt?: number } = {},
): Command => ({
  kind: 'inspected',
  now: T,
  round: 1,
  triggerAt: T,
  random: 1,
  result,
  ...more,
});

describe('decidePlan', () => {
  test('schedules the job of a task that has a threshold', () => {
    given().when(planned(T)).then(scheduled());
  });

  test('writes nothing for a task without a threshold', () => {
    given().when(unplanned()).thenNothing();
  });

  test('writes nothing when the threshold is unchanged', () => {
    given(scheduled()).when(planned(T)).thenNothing();
    given(scheduled()).when(planned(T, 'v2')).thenNothing();
  });

  test('reschedules a waiting job whose threshold has changed', () => {
    given(scheduled())
      .when(planned(T + 1, 'v2'))
      .then(rescheduled({ triggerAt: T + 1, fingerprint: 'v2' }));
  });

  test('cancels the job of a completed task once', () => {
    given(scheduled())
      .when(unplanned())
      .then(cancelled({ code: 'task_not_schedulable', fingerprint: 'v2' }));
    given(scheduled(), cancelled({ code: 'task_not_schedulable', fingerprint: 'v2' }))
      .when(unplanned())
      .thenNothing();
  });

  test('schedules a job again when its completed task is open again', () => {
    given(scheduled(), cancelled({ code: 'task_completed', fingerprint: 'v2' }))
      .when(planned(T))
      .then(scheduled({ round: 2 }));
  });

  test('schedules a triggered job again only for another instant', () => {
    given(scheduled(), triggered()).when(planned(T, 'v2')).thenNothing();
    given(scheduled(), triggered())
      .when(planned(T + MINUTE, 'v2'))
      .then(scheduled({ round: 2, triggerAt: T + MINUTE, fingerprint: 'v2' }));
    given(scheduled(), triggered()).when(unplanned()).thenNothing();
  });

  test('schedules a skipped job again when its task changes', () => {
    const skip = skipped({ code: 'task_not_important', fingerprint: 'v1' });
    given(scheduled(), skip).when(planned(T)).thenNothing();
    given(scheduled(), skip)
      .when(planned(T, 'v2'))
      .then(scheduled({ round: 2, fingerprint: 'v2' }));
    given(scheduled(), skip).when(unplanned()).thenNothing();
  });

  test('cancels a skipped job that waits for the end of a block when its task is completed', () => {
    const skip = skipped({
      code: 'task_already_scheduled',
      fingerprint: 'v1',
      inspectAgainAt: T + MINUTE,
    });
    given(scheduled(), skip)
      .when(unplanned())
      .then(cancelled({ code: 'task_not_schedulable', fingerprint: 'v2' }));
  });
});

describe('decideBlockerChanged', () => {
  const blocker = { id: 'block:b1', fingerprint: 'b-v1' };
  const skip = skipped({ code: 'task_already_scheduled', fingerprint: 'v1', blocker });
  const changed = (blockerId: string, fingerprint: string | undefined): BlockerChanged => ({
    kind: 'blocker_changed',
    subject,
    blockerId,
    fingerprint,
  });

  test('schedules a skipped job again when its blocker is moved or removed', () => {
    given(scheduled(), skip)
      .when(changed('block:b1', 'b-v2'))
      .then(scheduled({ round: 2 }));
    given(scheduled(), skip)
      .when(changed('block:b1', undefined))
      .then(scheduled({ round: 2 }));
  });

  test('writes nothing for another blocker or an unchanged one', () => {
    given(scheduled(), skip).when(changed('block:b2', undefined)).thenNothing();
    given(scheduled(), skip).when(changed('block:b1', 'b-v1')).thenNothing();
  });

  test('writes nothing for a job that is not skipped', () => {
    given().when(changed('block:b1', undefined)).thenNothing();
    given(scheduled()).when(changed('block:b1', undefined)).thenNothing();
    given(scheduled(), skip, scheduled({ round: 2 }))
      .when(changed('block:b1', undefined))
      .thenNothing();
  });
});

describe('decideCancel', () => {
  const cancel: Command = { kind: 'cancel', subject, code: 'operator', detail: 'holidays' };

  test('cancels a job until its task changes', () => {
    const off = cancelled({ code: 'operator', detail: 'holidays' });
    given(scheduled()).when(cancel).then(off);
    given(scheduled(), off).when(planned(T)).thenNothing();
    given(scheduled(), off)
      .when(planned(T, 'v2'))
      .then(scheduled({ round: 2, fingerprint: 'v2' }));
  });

  test('writes nothing for a job that does not wait', () => {
    given().when(cancel).thenNothing();
    given(scheduled(), triggered()).when(cancel).thenNothing();
  });
});

describe('decideInspected', () => {
  const fingerprint = 'v3';

  test('records a trigger', () => {
    const result = {
      kind: 'triggered',
      triggerId: 'ast_9',
      duplicate: true,
      fingerprint,
    } as const;
    given(scheduled())
      .when(inspected(result))
      .then(triggered({ triggerId: 'ast_9', duplicate: true, fingerprint }));
  });

  test('cancels the job', () => {
    given(scheduled())
      .when(inspected({ kind: 'cancel', code: 'task_completed', fingerprint }))
      .then(cancelled({ code: 'task_completed', fingerprint }));
  });

  test('defers the job, which is then due at the new instant', () => {
    const until = T + MINUTE;
    const defer = deferred({ triggerAt: until, code: 'threshold_moved_future', fingerprint });
    given(scheduled())
      .when(inspected({ kind: 'defer', code: 'threshold_moved_future', until, fingerprint }))
      .then(defer);
    const cancel = { kind: 'cancel', code: 'task_completed', fingerprint } as const;
    given(scheduled(), defer)
      .when(inspected(cancel, { triggerAt: until }))
      .thenNothing();
    given(scheduled(), defer)
      .when(inspected(cancel, { triggerAt: until, now: until }))
      .then(cancelled({ code: 'task_completed', fingerprint }));
  });

  test('skips the job until inspectAgainAt', () => {
    const skip = { code: 'task_already_scheduled', fingerprint, inspectAgainAt: T + MINUTE };
    given(scheduled())
      .when(inspected({ kind: 'skip', ...skip }))
      .then(skipped(skip));
    const result = {
      kind: 'triggered',
      triggerId: 'ast_9',
      duplicate: false,
      fingerprint,
    } as const;
    given(scheduled(), skipped(skip)).when(inspected(result)).thenNothing();
    given(scheduled(), skipped(skip))
      .when(inspected(result, { now: T + MINUTE }))
      .then(triggered({ triggerId: 'ast_9', fingerprint }));
  });

  test('retries a failed inspection for ever, with doubling waits up to 30 minutes', () => {
    const result = { kind: 'fail', code: 'task_read_failed', detail: 'away' } as const;
    const first = failed({
      code: 'task_read_failed',
      detail: 'away',
      failures: 1,
      retryAt: T + 5_000,
    });
    given(scheduled()).when(inspected(result)).then(first);
    given(scheduled(), first).when(inspected(result)).thenNothing();
    given(scheduled(), first)
      .when(inspected(result, { now: T + 5_000 }))
      .then(
        failed({
          code: 'task_read_failed',
          detail: 'away',
          failures: 2,
          retryAt: T + 5_000 + 10_000,
        }),
      );
    expect([1, 5, 9, 10, 11, 1_000_000].map((n) => retryMs(n, 1))).toEqual([
      5_000, 80_000, 1_280_000, 1_800_000, 1_800_000, 1_800_000,
    ]);
    expect(retryMs(1, 0)).toBe(2_500);
  });

  test('starts again without failures when the task changes', () => {
    const fail = failed({ code: 'task_read_failed', failures: 3, retryAt: T + MINUTE });
    given(scheduled(), fail).when(planned(T)).thenNothing();
    given(scheduled(), fail)
      .when(planned(T, 'v2'))
      .then(rescheduled({ triggerAt: T, fingerprint: 'v2' }));
    given(scheduled(), fail)
      .when(unplanned())
      .then(cancelled({ code: 'task_not_schedulable', fingerprint: 'v2' }));
  });

  test('ignores an inspection of an earlier round or instant', () => {
    const result = {
      kind: 'triggered',
      triggerId: 'ast_9',
      duplicate: false,
      fingerprint,
    } as const;
    given().when(inspected(result)).thenNothing();
    given(scheduled(), triggered()).when(inspected(result)).thenNothing();
    given(scheduled(), rescheduled({ triggerAt: T - 1, fingerprint }))
      .when(inspected(result))
      .thenNothing();
    given(scheduled(), triggered(), scheduled({ round: 2 }))
      .when(inspected(result))
      .thenNothing();
    given(scheduled({ triggerAt: T + 1 }))
      .when(inspected(result, { triggerAt: T + 1 }))
      .thenNothing();
  });
});

describe('due job identity', () => {
  test('gives each user, kind and subject its stream, its id and its keys', () => {
    expect(stream).toBe('tocsin.duejob-22-7bc3adea-bbcd-5b55-9229-e4f6b8f6f145');
    expect(dueJobId(stream)).toBe('asj_227bc3adeabbcd5b559229e4f6b8f6f145');
    expect(parseDueJobId('tocsin', dueJobId(stream))).toBe(stream);
    expect(parseDueJobId('tocsin', 'ast_227bc3adeabbcd5b559229e4f6b8f6f145')).toBeUndefined();
    expect(dueJobStream('tocsin', { ...subject, kind: 'block' })).not.toBe(stream);
    expect(dueJobKey('asj_x', 2, T)).toBe('asj_x:2:1777543200000');
    expect(dueJobTraceId(subject, 'asj_x')).toBe('trace_active_task_42_7');
    const long = { ...subject, subjectId: 'x'.repeat(64) };
    const jobId = dueJobId(dueJobStream('tocsin', long));
    expect(dueJobTraceId(long, jobId)).toBe(`trace_active_job_${jobId}`);
    expect(dueJobTraceId(long, jobId).length).toBeLessThanOrEqual(64);
  });
});
