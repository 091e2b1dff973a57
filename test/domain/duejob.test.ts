import { describe, expect, test } from 'vitest';
import { ok } from '../../src/domain/core/result.ts';
import type {
  CancelDueJob,
  Recheck,
  SettleDueJob,
  Watch,
} from '../../src/schedule/due-job/commands.ts';
import {
  decideCancel,
  decideRecheck,
  decideSettle,
  decideWatch,
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
  | Watch
  | Recheck
  | ({ readonly kind: 'cancelIt' } & CancelDueJob)
  | ({ readonly kind: 'settle'; readonly now: number } & SettleDueJob);

const given = givenOf<DueJobState, DueJobEvent, Command, { readonly code: never }>({
  initial: initialDueJob,
  evolve: evolveDueJob,
  decide(state, command) {
    switch (command.kind) {
      case 'watch':
        return ok(decideWatch(state, command, stream));
      case 'recheck':
        return ok(decideRecheck(state, command, stream));
      case 'cancelIt':
        return ok(decideCancel(state, command, stream));
      case 'settle':
        return ok(decideSettle(state, command, { stream, now: command.now }));
    }
  },
});

type Data<T extends DueJobEvent['type']> = Omit<DueJobEventData<T>, keyof typeof about>;

const scheduled = (data: Partial<Data<'DueJobScheduled'>> = {}): DueJobEvent => ({
  type: 'DueJobScheduled',
  data: { ...about, round: 1, triggerAt: T, seen: 'v1', ...data },
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
  data: { ...about, triggerId: 'ast_1', duplicate: false, seen: 'v1', ...data },
});
const failed = (data: Data<'DueJobFailed'>): DueJobEvent => ({
  type: 'DueJobFailed',
  data: { ...about, ...data },
});

const watch = (at: number, seen = 'v1'): Watch => ({ kind: 'watch', subject, at, seen });
const unwatch = (seen = 'v2'): Watch => ({
  kind: 'watch',
  subject,
  at: undefined,
  code: 'task_not_schedulable',
  seen,
});
const settle = (
  finding: SettleDueJob['finding'],
  more: { now?: number; round?: number; triggerAt?: number } = {},
): Command => ({
  kind: 'settle',
  now: T,
  round: 1,
  triggerAt: T,
  random: 1,
  finding,
  ...more,
});

describe('a due job that watches its task', () => {
  test('is scheduled when the task has a threshold', () => {
    given().when(watch(T)).then(scheduled());
  });

  test('is nothing for a task without one', () => {
    given().when(unwatch()).thenNothing();
  });

  test('writes nothing when the task is told again as it is', () => {
    given(scheduled()).when(watch(T)).thenNothing();
    given(scheduled()).when(watch(T, 'v2')).thenNothing();
  });

  test('has its instant overwritten while it waits', () => {
    given(scheduled())
      .when(watch(T + 1, 'v2'))
      .then(rescheduled({ triggerAt: T + 1, seen: 'v2' }));
  });

  test('is cancelled when the task is completed, and stays in the log', () => {
    given(scheduled())
      .when(unwatch())
      .then(cancelled({ code: 'task_not_schedulable', seen: 'v2' }));
    given(scheduled(), cancelled({ code: 'task_not_schedulable', seen: 'v2' }))
      .when(unwatch())
      .thenNothing();
  });

  test('begins again when a completed task is open again', () => {
    given(scheduled(), cancelled({ code: 'task_completed', seen: 'v2' }))
      .when(watch(T))
      .then(scheduled({ round: 2 }));
  });

  test('begins again after it triggered only for another instant', () => {
    given(scheduled(), triggered()).when(watch(T, 'v2')).thenNothing();
    given(scheduled(), triggered())
      .when(watch(T + MINUTE, 'v2'))
      .then(scheduled({ round: 2, triggerAt: T + MINUTE, seen: 'v2' }));
    given(scheduled(), triggered()).when(unwatch()).thenNothing();
  });

  test('W15: is looked at again after it was skipped, as soon as its task changes', () => {
    const skip = skipped({ code: 'task_not_important', seen: 'v1' });
    given(scheduled(), skip).when(watch(T)).thenNothing();
    given(scheduled(), skip)
      .when(watch(T, 'v2'))
      .then(scheduled({ round: 2, seen: 'v2' }));
    given(scheduled(), skip).when(unwatch()).thenNothing();
  });

  test('does not wait any more for a block to end when its task is done', () => {
    const skip = skipped({ code: 'task_already_scheduled', seen: 'v1', lookAgainAt: T + MINUTE });
    given(scheduled(), skip)
      .when(unwatch())
      .then(cancelled({ code: 'task_not_schedulable', seen: 'v2' }));
  });
});

describe('a due job and what stands in its way', () => {
  const because = { what: 'block:b1', seen: 'b-v1' };
  const skip = skipped({ code: 'task_already_scheduled', seen: 'v1', because });
  const recheck = (what: string, seen: string | undefined): Recheck => ({
    kind: 'recheck',
    subject,
    what,
    seen,
  });

  test('W15: is looked at again when the block is moved or taken away', () => {
    given(scheduled(), skip)
      .when(recheck('block:b1', 'b-v2'))
      .then(scheduled({ round: 2 }));
    given(scheduled(), skip)
      .when(recheck('block:b1', undefined))
      .then(scheduled({ round: 2 }));
  });

  test('stays skipped for other blocks, and for the same as it was', () => {
    given(scheduled(), skip).when(recheck('block:b2', undefined)).thenNothing();
    given(scheduled(), skip).when(recheck('block:b1', 'b-v1')).thenNothing();
  });

  test('is left alone when it was not skipped', () => {
    given().when(recheck('block:b1', undefined)).thenNothing();
    given(scheduled()).when(recheck('block:b1', undefined)).thenNothing();
    given(scheduled(), skip, scheduled({ round: 2 }))
      .when(recheck('block:b1', undefined))
      .thenNothing();
  });
});

describe('a due job that is called off', () => {
  const cancel: Command = { kind: 'cancelIt', subject, code: 'operator', detail: 'holidays' };

  test('is cancelled, and stays so until its task changes', () => {
    const off = cancelled({ code: 'operator', detail: 'holidays' });
    given(scheduled()).when(cancel).then(off);
    given(scheduled(), off).when(watch(T)).thenNothing();
    given(scheduled(), off)
      .when(watch(T, 'v2'))
      .then(scheduled({ round: 2, seen: 'v2' }));
  });

  test('is nothing when nothing waits', () => {
    given().when(cancel).thenNothing();
    given(scheduled(), triggered()).when(cancel).thenNothing();
  });
});

describe('a due job that is looked at', () => {
  const seen = 'v3';

  test('is triggered', () => {
    const finding = { kind: 'triggered', triggerId: 'ast_9', duplicate: true, seen } as const;
    given(scheduled())
      .when(settle(finding))
      .then(triggered({ triggerId: 'ast_9', duplicate: true, seen }));
  });

  test('is cancelled', () => {
    given(scheduled())
      .when(settle({ kind: 'cancel', code: 'task_completed', seen }))
      .then(cancelled({ code: 'task_completed', seen }));
  });

  test('is deferred, and due at the new instant', () => {
    const until = T + MINUTE;
    const defer = deferred({ triggerAt: until, code: 'threshold_moved_future', seen });
    given(scheduled())
      .when(settle({ kind: 'defer', code: 'threshold_moved_future', until, seen }))
      .then(defer);
    const cancel = { kind: 'cancel', code: 'task_completed', seen } as const;
    given(scheduled(), defer)
      .when(settle(cancel, { triggerAt: until }))
      .thenNothing();
    given(scheduled(), defer)
      .when(settle(cancel, { triggerAt: until, now: until }))
      .then(cancelled({ code: 'task_completed', seen }));
  });

  test('is skipped, and looked at again at the instant that was named', () => {
    const skip = { code: 'task_already_scheduled', seen, lookAgainAt: T + MINUTE };
    given(scheduled())
      .when(settle({ kind: 'skip', ...skip }))
      .then(skipped(skip));
    const finding = { kind: 'triggered', triggerId: 'ast_9', duplicate: false, seen } as const;
    given(scheduled(), skipped(skip)).when(settle(finding)).thenNothing();
    given(scheduled(), skipped(skip))
      .when(settle(finding, { now: T + MINUTE }))
      .then(triggered({ triggerId: 'ast_9', seen }));
  });

  test('W15: fails and is tried again, later each time, for ever', () => {
    const finding = { kind: 'fail', code: 'task_read_failed', detail: 'away' } as const;
    const first = failed({
      code: 'task_read_failed',
      detail: 'away',
      failures: 1,
      retryAt: T + 5_000,
    });
    given(scheduled()).when(settle(finding)).then(first);
    given(scheduled(), first).when(settle(finding)).thenNothing();
    given(scheduled(), first)
      .when(settle(finding, { now: T + 5_000 }))
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

  test('has its failures forgotten when its task changes', () => {
    const fail = failed({ code: 'task_read_failed', failures: 3, retryAt: T + MINUTE });
    given(scheduled(), fail).when(watch(T)).thenNothing();
    given(scheduled(), fail)
      .when(watch(T, 'v2'))
      .then(rescheduled({ triggerAt: T, seen: 'v2' }));
    given(scheduled(), fail)
      .when(unwatch())
      .then(cancelled({ code: 'task_not_schedulable', seen: 'v2' }));
  });

  test('takes no finding about what it was before', () => {
    const finding = { kind: 'triggered', triggerId: 'ast_9', duplicate: false, seen } as const;
    given().when(settle(finding)).thenNothing();
    given(scheduled(), triggered()).when(settle(finding)).thenNothing();
    given(scheduled(), rescheduled({ triggerAt: T - 1, seen }))
      .when(settle(finding))
      .thenNothing();
    given(scheduled(), triggered(), scheduled({ round: 2 }))
      .when(settle(finding))
      .thenNothing();
    given(scheduled({ triggerAt: T + 1 }))
      .when(settle(finding, { triggerAt: T + 1 }))
      .thenNothing();
  });
});

describe('identity that is for ever', () => {
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
