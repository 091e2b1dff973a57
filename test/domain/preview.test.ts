// The decisions about an offered preview: confirm, dismiss, expire, record the host's answer, continue.
import { describe, it } from 'vitest';
import { err, ok } from '../../src/domain/core/result.ts';
import {
  APPLY_LEASE_MS,
  APPLY_MARGIN_MS,
  decideApplied,
  decideContinueApply,
  MAX_APPLY_ATTEMPTS,
  type ApplyOutcome,
} from '../../src/domain/preview/apply.ts';
import { parseConfirm, type PreviewRejection } from '../../src/domain/preview/commands.ts';
import { decideConfirm } from '../../src/domain/preview/confirm.ts';
import { decideDismiss, decideExpire } from '../../src/domain/preview/end.ts';
import type { TriggerEvent } from '../../src/domain/trigger/events.ts';
import {
  evolveTrigger,
  initialTrigger,
  offeredOf,
  type TriggerState,
} from '../../src/domain/trigger/state.ts';
import { givenOf } from '../../src/testing.ts';

const NOW = Date.UTC(2026, 3, 30, 2);
const HOUR = 3_600_000;
const EXPIRES = NOW + HOUR;

type Command = { readonly at?: number } & (
  | {
      readonly kind: 'confirm';
      readonly key: string;
      readonly user?: string;
      readonly hash?: string;
      readonly candidateId?: string;
      readonly hasPort?: boolean;
    }
  | { readonly kind: 'dismiss'; readonly user?: string; readonly reason?: string }
  | { readonly kind: 'expire' }
  | { readonly kind: 'continue'; readonly hasPort?: boolean }
  | { readonly kind: 'applied'; readonly applyId: string; readonly outcome: ApplyOutcome }
);

const SALT = 'c2FsdC1vZi0xNi1ieXRlcw';
const ids = { triggerId: 'ast_1', occurrence: 1 };
const about = { ...ids, previewId: 'asp_1', userId: '42' };

function decide(
  state: TriggerState,
  command: Command,
): ReturnType<
  Parameters<typeof givenOf<TriggerState, TriggerEvent, Command, PreviewRejection>>[0]['decide']
> {
  const { at = NOW + 1_000 } = command;
  const recordedAt = { recordedAt: at };
  const found = offeredOf(state, 1);
  switch (command.kind) {
    case 'confirm': {
      const { key, user = '42', hash = 'a'.repeat(64), hasPort = true } = command;
      const { candidateId = 'c1' } = command;
      const request = parseConfirm({ candidateId, idempotencyKey: key });
      const caller = { userId: user, previewId: 'asp_1' };
      const decision = decideConfirm(
        found,
        {
          ...caller,
          key,
          request,
          salt: SALT,
          hashUnder: () => hash,
          applyId: `apply_${key}`,
          hasPort,
        },
        recordedAt,
      );
      return decision.ok ? ok(decision.value.events) : decision;
    }
    case 'dismiss': {
      const { user = '42', reason } = command;
      const caller = { userId: user, previewId: 'asp_1' };
      const decision = decideDismiss(found, { ...caller, reason }, recordedAt);
      return decision.ok ? ok(decision.value.events) : err(decision.error);
    }
    case 'expire':
      return ok(decideExpire(found, recordedAt));
    case 'continue': {
      const { hasPort = true } = command;
      return ok(decideContinueApply(found, { hasPort }, recordedAt).events);
    }
    case 'applied': {
      const { applyId, outcome } = command;
      return ok(decideApplied(found, { applyId, outcome }).events);
    }
  }
}

const given = givenOf<TriggerState, TriggerEvent, Command, PreviewRejection>({
  initial: initialTrigger,
  evolve: evolveTrigger,
  decide,
});

const raisedAs = (mockNow?: number): TriggerEvent => ({
  type: 'TriggerRaised',
  data: {
    ...ids,
    userId: '42',
    triggerType: 'important_urgent_task',
    targetType: 'task_pool',
    targetId: '7',
    source: 'worker_due_job',
    dedupeKey: 'k',
    traceId: 'trace',
    requestedAt: NOW,
    mockNow,
    personal: {},
  },
});
const raised = raisedAs();
const change = {
  changeId: 'c1:chg_1',
  type: 'add_block',
  targetType: 'task_pool',
  targetId: '7',
  startAt: NOW + HOUR,
  endAt: NOW + 2 * HOUR,
  editable: true,
};
const offered: TriggerEvent = {
  type: 'PreviewOffered',
  data: {
    ...about,
    kind: 'proposal',
    offeredAt: NOW,
    expiresAt: EXPIRES,
    candidateId: 'c1',
    personal: {
      summary: 'work on it',
      candidates: [
        { candidateId: 'c1', type: 'add_task_pool_to_schedule', score: 1, changes: [change] },
        { candidateId: 'ask', type: 'ask_user', score: 0, changes: [] },
      ],
    },
  },
};
const apply = (key: string, candidateId = 'c1') => ({
  ...about,
  applyId: `apply_${key}`,
  candidateId,
  traceId: 'trace',
  expiresAt: EXPIRES,
});
const started = (key: string, attempt = 1, at = NOW + 1_000): TriggerEvent => ({
  type: 'ApplyStarted',
  data: {
    ...apply(key),
    attempt,
    idempotencyKey: key,
    requestHash: 'a'.repeat(64),
    leaseUntil: at + APPLY_LEASE_MS,
    personal: { changes: [change], salt: SALT },
  },
});
const startedQuestion = (key: string): TriggerEvent => ({
  type: 'ApplyStarted',
  data: {
    ...apply(key, 'ask'),
    attempt: 1,
    idempotencyKey: key,
    requestHash: 'a'.repeat(64),
    leaseUntil: NOW + 1_000 + APPLY_LEASE_MS,
    personal: { changes: [], salt: SALT },
  },
});
const succeeded = (key: string): TriggerEvent => ({
  type: 'ApplySucceeded',
  data: { ...apply(key), appliedEventIds: ['ev1'] },
});
const failed = (key: string, code: string, detail?: string): TriggerEvent => ({
  type: 'ApplyFailed',
  data: { ...apply(key), code, personal: { detail } },
});
const ended = (
  ending: 'applied' | 'dismissed' | 'expired',
  more: { applyId?: string; personal?: { detail: string } } = {},
): TriggerEvent => ({ type: 'PreviewEnded', data: { ...about, ending, ...more } });
const applied: ApplyOutcome = { outcome: 'applied', eventIds: ['ev1'] };
const refused: ApplyOutcome = { outcome: 'refused', code: 'slot_taken', detail: 'a lesson' };
const open = [raised, offered];

describe('decideConfirm', () => {
  it('starts an apply, and the host’s answer ends the apply and the preview', () => {
    given(...open)
      .when({ kind: 'confirm', key: 'k1' })
      .then(started('k1'));
    given(...open, started('k1'))
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: applied })
      .then(succeeded('k1'), ended('applied', { applyId: 'apply_k1' }));
  });

  it('ends the preview at once when nothing is to be written', () => {
    const end = ended('applied', { applyId: 'apply_k1' });
    const confirm = { kind: 'confirm', key: 'k1' } as const;
    given(...open)
      .when({ ...confirm, hasPort: false })
      .then(started('k1'), end);
    given(...open)
      .when({ ...confirm, candidateId: 'ask' })
      .then(startedQuestion('k1'), end);
    given(raisedAs(NOW), offered).when(confirm).then(started('k1'), end);
  });

  it('accepts a repeat under its key and refuses another request under that key', () => {
    const before = [...open, started('k1')];
    given(...before)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...before)
      .when({ kind: 'confirm', key: 'k1', hash: 'b'.repeat(64) })
      .thenRejected('idempotency_conflict');
    given(...before)
      .when({ kind: 'confirm', key: 'k2' })
      .thenRejected('apply_in_progress');
    const finished = [...before, succeeded('k1'), ended('applied', { applyId: 'apply_k1' })];
    given(...finished)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...finished)
      .when({ kind: 'confirm', key: 'k2' })
      .thenRejected('already_applied');
  });

  it('accepts a new key after the host has refused', () => {
    const before = [...open, started('k1'), failed('k1', 'slot_taken', 'a lesson')];
    given(...open, started('k1'))
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: refused })
      .then(failed('k1', 'slot_taken', 'a lesson'));
    given(...before)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...before)
      .when({ kind: 'confirm', key: 'k2' })
      .then(started('k2'));
  });

  it('refuses other users, a call at expiresAt, and a candidate that the preview does not have', () => {
    const confirm = { kind: 'confirm', key: 'k1' } as const;
    given().when(confirm).thenRejected('not_found');
    given(raised).when(confirm).thenRejected('not_found');
    given(...open)
      .when({ ...confirm, user: '43' })
      .thenRejected('forbidden');
    given(...open)
      .when({ ...confirm, at: EXPIRES })
      .thenRejected('expired');
    given(...open)
      .when({ ...confirm, candidateId: 'c9' })
      .thenRejected('invalid_request');
    given(...open, ended('dismissed'))
      .when(confirm)
      .thenRejected('dismissed');
    given(...open, ended('expired'))
      .when(confirm)
      .thenRejected('expired');
  });
});

describe('decideContinueApply and decideApplied', () => {
  const later = NOW + 1_000 + APPLY_LEASE_MS + APPLY_MARGIN_MS;

  it('continue an open apply after its lease and the margin, and give it up after the last attempt', () => {
    const before = [...open, started('k1')];
    given(...before)
      .when({ kind: 'continue', at: later - 1 })
      .thenNothing();
    given(...before)
      .when({ kind: 'continue', at: later })
      .then(started('k1', 2, later));
    given(...before)
      .when({ kind: 'continue', at: later, hasPort: false })
      .then(failed('k1', 'outcome_unknown'));
    given(...open, started('k1', MAX_APPLY_ATTEMPTS))
      .when({ kind: 'continue', at: later })
      .then(failed('k1', 'outcome_unknown'));
  });

  it('record a late success of an apply that was given up, and nothing else', () => {
    const before = [...open, started('k1'), failed('k1', 'outcome_unknown'), ended('expired')];
    given(...before)
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: applied })
      .then(succeeded('k1'));
    given(...before)
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: refused })
      .thenNothing();
    given(...before)
      .when({ kind: 'applied', applyId: 'apply_k2', outcome: applied })
      .thenNothing();
  });
});

describe('decideDismiss and decideExpire', () => {
  it('dismiss an open preview once, for its owner only', () => {
    const detail = { personal: { detail: 'not today' } };
    given(...open)
      .when({ kind: 'dismiss', reason: 'not today' })
      .then(ended('dismissed', detail));
    given(...open, ended('dismissed'))
      .when({ kind: 'dismiss' })
      .thenNothing();
    given(...open)
      .when({ kind: 'dismiss', user: '43' })
      .thenRejected('forbidden');
    given(...open, started('k1'))
      .when({ kind: 'dismiss' })
      .thenRejected('apply_in_progress');
    given(...open, ended('applied'))
      .when({ kind: 'dismiss' })
      .thenRejected('already_applied');
    given(...open)
      .when({ kind: 'dismiss', at: EXPIRES })
      .thenRejected('expired');
  });

  it('expire a preview at expiresAt, once, after an open apply has ended', () => {
    given(...open)
      .when({ kind: 'expire', at: EXPIRES - 1 })
      .thenNothing();
    given(...open)
      .when({ kind: 'expire', at: EXPIRES })
      .then(ended('expired'));
    given(...open, started('k1'))
      .when({ kind: 'expire', at: EXPIRES })
      .thenNothing();
    given(...open, ended('expired'))
      .when({ kind: 'expire', at: EXPIRES })
      .thenNothing();
    given(raised).when({ kind: 'expire', at: EXPIRES }).thenNothing();
  });
});
