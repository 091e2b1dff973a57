// What may follow an offered preview, decision by decision: a yes, a no, an answer, the end of its time.
import { describe, it } from 'vitest';
import { err, ok } from '../../src/domain/core/result.ts';
import type { ApplyOutcome } from '../../src/domain/ports/apply-preview.ts';
import {
  APPLY_LEASE_MS,
  APPLY_MARGIN_MS,
  decideApplied,
  decideCarryOn,
  MAX_APPLY_ATTEMPTS,
} from '../../src/domain/preview/apply.ts';
import { parseConfirm, type PreviewRejection } from '../../src/domain/preview/commands.ts';
import { decideConfirm } from '../../src/domain/preview/confirm.ts';
import { decideDismiss, decideExpire } from '../../src/domain/preview/end.ts';
import type { TriggerEvent } from '../../src/domain/trigger/events.ts';
import {
  evolveTrigger,
  initialTrigger,
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
  | { readonly kind: 'carry on'; readonly hasPort?: boolean }
  | { readonly kind: 'applied'; readonly applyId: string; readonly outcome: ApplyOutcome }
);

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
  switch (command.kind) {
    case 'confirm': {
      const { key, user = '42', hash = 'a'.repeat(64), hasPort = true } = command;
      const { candidateId = 'c1' } = command;
      const request = parseConfirm({ candidateId, idempotencyKey: key });
      const speaker = { userId: user, previewId: 'asp_1', occurrence: 1 };
      const decision = decideConfirm(
        state,
        { ...speaker, key, request, requestHash: hash, applyId: `apply_${key}`, hasPort },
        recordedAt,
      );
      return decision.ok ? ok(decision.value.events) : decision;
    }
    case 'dismiss': {
      const { user = '42', reason } = command;
      const speaker = { userId: user, previewId: 'asp_1', occurrence: 1 };
      const decision = decideDismiss(state, { ...speaker, reason }, recordedAt);
      return decision.ok ? ok(decision.value.events) : err(decision.error);
    }
    case 'expire':
      return ok(decideExpire(state, { occurrence: 1 }, recordedAt));
    case 'carry on': {
      const { hasPort = true } = command;
      return ok(decideCarryOn(state, { occurrence: 1, hasPort }, recordedAt).events);
    }
    case 'applied': {
      const { applyId, outcome } = command;
      return ok(decideApplied(state, { occurrence: 1, applyId, outcome }).events);
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
    personal: { changes: [change] },
  },
});
const asked = (key: string): TriggerEvent => ({
  type: 'ApplyStarted',
  data: {
    ...apply(key, 'ask'),
    attempt: 1,
    idempotencyKey: key,
    requestHash: 'a'.repeat(64),
    leaseUntil: NOW + 1_000 + APPLY_LEASE_MS,
    personal: { changes: [] },
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

describe('a yes', () => {
  it('starts an apply; the host’s answer ends it and the preview', () => {
    given(...open)
      .when({ kind: 'confirm', key: 'k1' })
      .then(started('k1'));
    given(...open, started('k1'))
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: applied })
      .then(succeeded('k1'), ended('applied', { applyId: 'apply_k1' }));
  });

  it('ends the preview at once where nothing is to be written', () => {
    const end = ended('applied', { applyId: 'apply_k1' });
    const yes = { kind: 'confirm', key: 'k1' } as const;
    given(...open)
      .when({ ...yes, hasPort: false })
      .then(started('k1'), end);
    given(...open)
      .when({ ...yes, candidateId: 'ask' })
      .then(asked('k1'), end);
    given(raisedAs(NOW), offered).when(yes).then(started('k1'), end);
  });

  it('is one yes when it is said again, and no other under its key', () => {
    const so = [...open, started('k1')];
    given(...so)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...so)
      .when({ kind: 'confirm', key: 'k1', hash: 'b'.repeat(64) })
      .thenRejected('idempotency_conflict');
    given(...so)
      .when({ kind: 'confirm', key: 'k2' })
      .thenRejected('apply_in_progress');
    const over = [...so, succeeded('k1'), ended('applied', { applyId: 'apply_k1' })];
    given(...over)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...over)
      .when({ kind: 'confirm', key: 'k2' })
      .thenRejected('already_applied');
  });

  it('may be tried again under a new key after the host has refused', () => {
    const so = [...open, started('k1'), failed('k1', 'slot_taken', 'a lesson')];
    given(...open, started('k1'))
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: refused })
      .then(failed('k1', 'slot_taken', 'a lesson'));
    given(...so)
      .when({ kind: 'confirm', key: 'k1' })
      .thenNothing();
    given(...so)
      .when({ kind: 'confirm', key: 'k2' })
      .then(started('k2'));
  });

  it('is refused to others, in the preview’s last instant, and for what it does not offer', () => {
    const yes = { kind: 'confirm', key: 'k1' } as const;
    given().when(yes).thenRejected('not_found');
    given(raised).when(yes).thenRejected('not_found');
    given(...open)
      .when({ ...yes, user: '43' })
      .thenRejected('forbidden');
    given(...open)
      .when({ ...yes, at: EXPIRES })
      .thenRejected('expired');
    given(...open)
      .when({ ...yes, candidateId: 'c9' })
      .thenRejected('invalid_request');
    given(...open, ended('dismissed'))
      .when(yes)
      .thenRejected('dismissed');
    given(...open, ended('expired'))
      .when(yes)
      .thenRejected('expired');
  });
});

describe('an apply that nobody answered', () => {
  const later = NOW + 1_000 + APPLY_LEASE_MS + APPLY_MARGIN_MS;

  it('is carried on under the same id once its lease is long over, and given up in the end', () => {
    const so = [...open, started('k1')];
    given(...so)
      .when({ kind: 'carry on', at: later - 1 })
      .thenNothing();
    given(...so)
      .when({ kind: 'carry on', at: later })
      .then(started('k1', 2, later));
    given(...so)
      .when({ kind: 'carry on', at: later, hasPort: false })
      .then(failed('k1', 'outcome_unknown'));
    given(...open, started('k1', MAX_APPLY_ATTEMPTS))
      .when({ kind: 'carry on', at: later })
      .then(failed('k1', 'outcome_unknown'));
  });

  it('counts when the yes comes after it was given up', () => {
    const so = [...open, started('k1'), failed('k1', 'outcome_unknown'), ended('expired')];
    given(...so)
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: applied })
      .then(succeeded('k1'));
    given(...so)
      .when({ kind: 'applied', applyId: 'apply_k1', outcome: refused })
      .thenNothing();
    given(...so)
      .when({ kind: 'applied', applyId: 'apply_k2', outcome: applied })
      .thenNothing();
  });
});

describe('a no, and the end of the time', () => {
  it('ends what is open, once', () => {
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

  it('comes at the instant itself, after an open apply, and not twice', () => {
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
