// decideDelivery: commands on given events, with the whole decision. Also the retry schedule and the codes.
import { describe, expect, it } from 'vitest';
import {
  codeOf,
  detailOf,
  deliveryCodec,
  type DeliveryEvent,
} from '../../src/domain/delivery/events.ts';
import { decideDelivery } from '../../src/domain/delivery/decide.ts';
import { evolveDelivery } from '../../src/domain/delivery/state.ts';
import {
  FREE_THROTTLES,
  jitter,
  maxAttempts,
  nextAttemptAt,
  RETRY_PROFILES,
  throttledUntil,
} from '../../src/domain/delivery/retry-schedule.ts';
import {
  about,
  accepted,
  ACCEPTED,
  facts,
  failed,
  given,
  HOUR,
  HUMAN,
  LEASE_MS,
  start,
  started,
  succeeded,
  T0,
  TRANSIENT,
  unknown,
} from './delivery.support.ts';

const next = (used: number, at: number, retryAfterMs?: number): number =>
  (nextAttemptAt({
    profile: RETRY_PROFILES.human,
    notificationId: about.notificationId,
    used,
    attempt: used,
    now: T0 + at,
    expiresAt: facts.expiresAt,
    retryAfterMs,
  }) ?? 0) - T0;

const died = (reason: string, detail: string | undefined, doubtful = false): DeliveryEvent => ({
  type: 'DeliveryDied',
  data: { ...about, reason, detail, doubtful },
});
const expired: DeliveryEvent = { type: 'DeliveryExpired', data: { ...about, doubtful: false } };
const skipped: DeliveryEvent = {
  type: 'DeliverySkipped',
  data: { ...about, reason: 'no_channel' },
};
const redriven: DeliveryEvent = { type: 'DeliveryRedriven', data: { ...about, reason: 'op' } };

describe('decideDelivery: accept', () => {
  it('appends NotificationAccepted once; a second message changes nothing', () => {
    given().when({ kind: 'accept', facts, at: 0 }).then(accepted);
    given(accepted).when({ kind: 'accept', facts, at: 0 }).thenNothing();
    given(accepted, skipped).when({ kind: 'accept', facts, at: 1 }).thenNothing();
  });

  it('expires a notification at once when its preview has already ended', () => {
    given().when({ kind: 'accept', facts, at: HOUR }).then(accepted, expired);
  });

  it('rejects every other command before the acceptance', () => {
    given().when(start(1, 0)).thenRejected('unknown_delivery');
    given()
      .when({ kind: 'redrive', reason: 'op', of: 'ended', at: 0 })
      .thenRejected('unknown_delivery');
  });
});

describe('decideDelivery: start and record_outcome', () => {
  it('starts an attempt with its number and lease', () => {
    given(accepted).when(start(1, 0)).then(started(1, 0));
  });

  it('starts no attempt whose number another worker has used', () => {
    given(accepted, started(1, 0)).when(start(1, 0)).thenNothing();
    given(accepted, started(1, 0), failed(1, 5_000)).when(start(1, 6_000)).thenNothing();
    given(accepted, started(1, 0), failed(1, 5_000)).when(start(2, 6_000)).then(started(2, 6_000));
  });

  it('starts no attempt before it is due', () => {
    given(accepted, started(1, 0), failed(1, 5_000)).when(start(2, 4_999)).thenNothing();
  });

  it('ends the delivery after a successful attempt', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome: ACCEPTED, at: 300 })
      .then(succeeded(1));
  });

  it('schedules the next attempt after a transient failure', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome: TRANSIENT, at: 300 })
      .then(failed(1, next(1, 300)));
  });

  it('ends the delivery as dead after the last failed attempt', () => {
    const history = Array.from({ length: 5 }, (_, index) => [
      started(index + 1, 0),
      failed(index + 1, 0),
    ]).flat();
    given(accepted, ...history, started(6, 0))
      .when({ kind: 'record_outcome', attempt: 6, outcome: TRANSIENT, at: 300 })
      .then(failed(6, undefined), died('attempts_exhausted', 'provider_5xx: it said so'));
  });

  it('ends the delivery as dead at once after a permanent failure', () => {
    const outcome = { outcome: 'permanent', code: 'invalid_url', detail: 'it said so' } as const;
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome, at: 300 })
      .then(failed(1, undefined, 'invalid_url'), died('invalid_url', 'it said so'));
  });

  const gone = {
    outcome: 'permanent',
    code: 'gone',
    detail: 'it said so',
    confirm: true,
  } as const;

  it('asks once more, at least a minute later, after an answer of a receiver that may be replaced just now', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome: gone, at: 300 })
      .then(failed(1, 300 + 60_000, 'gone'));
  });

  it('ends the delivery when the next attempt gets the same answer, and not when it gets another', () => {
    const again = started(2, 61_000);
    given(accepted, started(1, 0), failed(1, 60_300, 'gone'), again)
      .when({ kind: 'record_outcome', attempt: 2, outcome: gone, at: 61_300 })
      .then(failed(2, undefined, 'gone'), died('gone', 'it said so'));
    given(accepted, started(1, 0), failed(1, 60_300, 'http_404'), again)
      .when({ kind: 'record_outcome', attempt: 2, outcome: gone, at: 61_300 })
      .then(failed(2, 61_300 + 60_000, 'gone'));
    const between = [started(2, 61_000), failed(2, 100_000), started(3, 100_000)];
    given(accepted, started(1, 0), failed(1, 60_300, 'gone'), ...between)
      .when({ kind: 'record_outcome', attempt: 3, outcome: gone, at: 100_300 })
      .then(failed(3, next(3, 100_300, 60_000), 'gone'));
  });

  it('asks once more after a redrive too', () => {
    const dead = [failed(1, undefined, 'gone'), died('gone', 'it said so'), redriven];
    given(accepted, started(1, 0), ...dead, started(2, 1_000))
      .when({ kind: 'record_outcome', attempt: 2, outcome: gone, at: 1_300 })
      .then(failed(2, 1_300 + 60_000, 'gone'));
  });

  it('does not count an attempt that the provider throttled', () => {
    const outcome = {
      outcome: 'throttled',
      code: 'provider_rate_limited',
      detail: '',
      retryAfterMs: 90_000,
    } as const;
    const until = throttledUntil({
      profile: RETRY_PROFILES.human,
      notificationId: about.notificationId,
      attempt: 1,
      now: T0 + 300,
      expiresAt: facts.expiresAt,
      retryAfterMs: 90_000,
    });
    expect(until).toBeGreaterThanOrEqual(T0 + 90_300);
    const deferred: DeliveryEvent = {
      type: 'DeliveryDeferred',
      data: { ...about, until, reason: 'provider_rate_limited', attempt: 1 },
    };
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome, at: 300 })
      .then(deferred);
    // The next one has a number of its own, and the whole schedule before it.
    given(accepted, started(1, 0), deferred, started(2, until - T0))
      .when({ kind: 'record_outcome', attempt: 2, outcome: TRANSIENT, at: until - T0 })
      .then(
        failed(
          2,
          (nextAttemptAt({
            profile: RETRY_PROFILES.human,
            notificationId: about.notificationId,
            used: 1,
            attempt: 2,
            now: until,
            expiresAt: facts.expiresAt,
          }) ?? 0) - T0,
        ),
      );
  });

  it('retries once after an unreadable answer, then ends the delivery as doubtful', () => {
    const outcome = { outcome: 'suspect', code: 'unparsable', detail: 'no JSON' } as const;
    const suspect = (attempt: number, nextAt?: number): DeliveryEvent => ({
      type: 'AttemptFailed',
      data: {
        ...about,
        attempt,
        code: 'unparsable',
        detail: 'no JSON',
        suspect: true,
        ...(nextAt === undefined ? {} : { nextAt: T0 + nextAt }),
      },
    });
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome, at: 300 })
      .then(suspect(1, next(1, 300)));
    given(accepted, started(1, 0), suspect(1, 5_000), started(2, 5_000))
      .when({ kind: 'record_outcome', attempt: 2, outcome, at: 5_300 })
      .then(suspect(2), died('unparsable', 'no JSON', true));
    given(accepted, started(1, 0))
      .when({
        kind: 'record_outcome',
        attempt: 1,
        outcome,
        at: 300,
        rules: { ...HUMAN, onUnknown: 'park' },
      })
      .then(suspect(1), died('unparsable', 'no JSON', true));
  });
});

describe('decideDelivery: expire_lease and late outcomes', () => {
  const silent = LEASE_MS + 10_000;

  it('changes nothing before the lease and its margin are over', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'expire_lease', attempt: 1, at: silent - 1 })
      .thenNothing();
    given(accepted, started(1, 0)).when(start(2, silent)).thenNothing();
    given(accepted, started(1, 0)).when({ kind: 'expire', at: HOUR }).thenNothing();
  });

  it('records an unknown outcome and schedules a retry under the rule resend', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'expire_lease', attempt: 1, at: silent })
      .then(unknown(1, next(1, silent)));
    given(accepted, started(1, 0), unknown(1, silent))
      .when({ kind: 'expire_lease', attempt: 1, at: silent + 1 })
      .thenNothing();
  });

  it('records an unknown outcome and ends the delivery under the rule park', () => {
    given(accepted, started(1, 0))
      .when({
        kind: 'expire_lease',
        attempt: 1,
        at: silent,
        rules: { ...HUMAN, onUnknown: 'park' },
      })
      .then(unknown(1, undefined), died('outcome_unknown_parked', undefined, true));
  });

  it('ends the delivery when a late success comes', () => {
    const settle = {
      kind: 'record_outcome',
      attempt: 1,
      outcome: ACCEPTED,
      at: silent + 5,
    } as const;
    given(accepted, started(1, 0), unknown(1, silent)).when(settle).then(succeeded(1, true));
    given(accepted, started(1, 0), unknown(1, silent), started(2, silent))
      .when(settle)
      .then(succeeded(1, true));
    given(
      accepted,
      started(1, 0),
      unknown(1, undefined),
      died('outcome_unknown_parked', undefined, true),
    )
      .when(settle)
      .then(succeeded(1, true));
  });

  it('removes the doubt when a late failure comes', () => {
    given(accepted, started(1, 0), unknown(1, silent))
      .when({ kind: 'record_outcome', attempt: 1, outcome: TRANSIENT, at: silent + 5 })
      .then({
        type: 'AttemptFailed',
        data: { ...about, attempt: 1, code: 'provider_5xx', detail: 'it said so', late: true },
      });
    const certain: DeliveryEvent = {
      type: 'AttemptFailed',
      data: { ...about, attempt: 1, code: 'provider_5xx', late: true },
    };
    given(accepted, started(1, 0), unknown(1, silent), certain)
      .when({ kind: 'expire', at: HOUR })
      .then(expired);
    given(accepted, started(1, 0), unknown(1, silent))
      .when({ kind: 'expire', at: HOUR })
      .then({ type: 'DeliveryExpired', data: { ...about, doubtful: true } });
  });

  it('records an outcome after the lease as late', () => {
    given(accepted, started(1, 0))
      .when({ kind: 'record_outcome', attempt: 1, outcome: ACCEPTED, at: LEASE_MS + 1 })
      .then(succeeded(1, true));
  });
});

describe('decideDelivery: ends', () => {
  it('ends a waiting delivery by skip and cancel', () => {
    given(accepted).when({ kind: 'skip', reason: 'no_channel', at: 0 }).then(skipped);
    given(accepted)
      .when({ kind: 'cancel', reason: 'preview_applied', at: 0 })
      .then({ type: 'DeliveryCancelled', data: { ...about, reason: 'preview_applied' } });
  });

  it('starts, skips and defers nothing at or after the expiry', () => {
    given(accepted).when(start(1, HOUR)).then(expired);
    given(accepted).when({ kind: 'skip', reason: 'no_channel', at: HOUR }).then(expired);
    given(accepted)
      .when({ kind: 'defer', until: T0 + 2 * HOUR, reason: 'rate_limited', at: HOUR })
      .then(expired);
  });

  it('never waits beyond the expiry', () => {
    given(accepted)
      .when({ kind: 'defer', until: T0 + 2 * HOUR, reason: 'rate_limited', at: 5 })
      .then({
        type: 'DeliveryDeferred',
        data: { ...about, until: facts.expiresAt, reason: 'rate_limited' },
      });
    const late = HOUR - 60_000;
    expect(next(5, late)).toBe(HOUR);
  });

  it('ignores every later command except redrive', () => {
    const ends: DeliveryEvent[][] = [
      [started(1, 0), succeeded(1)],
      [skipped],
      [started(1, 0), failed(1, undefined), died('gone', undefined)],
      [expired],
    ];
    for (const history of ends) {
      const then = given(accepted, ...history);
      then.when(start(2, 60_000)).thenNothing();
      then
        .when({ kind: 'record_outcome', attempt: 1, outcome: ACCEPTED, at: 60_000 })
        .thenNothing();
      then.when({ kind: 'expire_lease', attempt: 1, at: HOUR }).thenNothing();
      then.when({ kind: 'skip', reason: 'no_channel', at: 60_000 }).thenNothing();
      then.when({ kind: 'expire', at: HOUR }).thenNothing();
      then.when({ kind: 'cancel', reason: 'x', at: 60_000 }).thenNothing();
    }
  });
});

describe('decideDelivery: redrive', () => {
  const redrive = { kind: 'redrive', reason: 'op', of: 'ended', at: 60_000 } as const;

  it('sends a dead or skipped notification again, with all its attempts', () => {
    given(accepted, skipped).when(redrive).then(redriven);
    given(accepted, started(1, 0), failed(1, undefined), died('gone', undefined))
      .when(redrive)
      .then(redriven);
    given(accepted, started(1, 0), died('gone', undefined), redriven)
      .when(start(2, 60_000))
      .then(started(2, 60_000));
  });

  it('is rejected for a delivery that was delivered, has not ended, or has expired', () => {
    given(accepted, started(1, 0), succeeded(1)).when(redrive).thenRejected('already_delivered');
    given(accepted).when(redrive).thenRejected('under_way');
    given(accepted, expired).when(redrive).thenRejected('over');
    given(accepted, skipped)
      .when({ ...redrive, at: HOUR })
      .thenRejected('over');
  });

  it('of skipped deliveries changes no delivery that ended in another way', () => {
    const revive = { ...redrive, of: 'skipped' } as const;
    given(accepted, skipped).when(revive).then(redriven);
    given(accepted, skipped, redriven).when(revive).thenNothing();
    given(accepted, died('gone', undefined)).when(revive).thenNothing();
    given(accepted, skipped)
      .when({ ...revive, at: HOUR })
      .thenNothing();
  });
});

describe('retry schedule', () => {
  it('waits as the profile says, ±20 %, the same on every machine', () => {
    for (const profile of [RETRY_PROFILES.human, RETRY_PROFILES.seed]) {
      profile.waits.forEach((wait, index) => {
        const at = jitter(wait, about.notificationId, index + 1);
        expect(at).toBeGreaterThanOrEqual(wait * 0.8);
        expect(at).toBeLessThanOrEqual(wait * 1.2);
      });
    }
    expect(maxAttempts(RETRY_PROFILES.seed)).toBe(5);
    expect(maxAttempts(RETRY_PROFILES.human)).toBe(6);
    expect(jitter(5_000, about.notificationId, 1)).toBe(5_876);
    expect(jitter(30_000, about.notificationId, 2)).toBe(33_086);
  });

  it('waits at least as long as the provider asks, but at most an hour', () => {
    expect(next(1, 0, 120_000)).toBe(120_000);
    expect(next(1, 0, 1)).toBe(jitter(5_000, about.notificationId, 1));
    expect(next(1, 0, 10 * HOUR)).toBe(HOUR);
    const expiresAt = T0 + 30 * HOUR;
    const of = { notificationId: about.notificationId, attempt: 1, now: T0, expiresAt };
    const { human: profile } = RETRY_PROFILES;
    const until = throttledUntil({ ...of, profile, retryAfterMs: 20 * HOUR });
    expect(until - T0).toBeLessThanOrEqual(1.2 * HOUR);
  });

  it('waits after a throttled call at least as long as after the first failure, whatever the provider asks', () => {
    const of = { notificationId: about.notificationId, now: T0, expiresAt: T0 + HOUR };
    for (const profile of Object.values(RETRY_PROFILES)) {
      for (const retryAfterMs of [0, 1, 999, 1_000]) {
        for (let attempt = 1; attempt < 20; attempt += 1) {
          const until = throttledUntil({ ...of, profile, attempt, retryAfterMs });
          expect(until - T0).toBeGreaterThanOrEqual(profile.waits[0]);
        }
      }
    }
  });

  it('ends the delivery to a provider that throttles every call', () => {
    const outcome = {
      outcome: 'throttled',
      code: 'http_429',
      detail: '',
      retryAfterMs: 0,
    } as const;
    const rules = { profile: RETRY_PROFILES.human, onUnknown: 'resend' } as const;
    let state = evolveDelivery(undefined, accepted);
    const expiresAt = T0 + 365 * 24 * HOUR;
    state = state && { ...state, facts: { ...state.facts, expiresAt } };
    let calls = 0;
    for (; state?.phase.status === 'waiting' && calls < 100; calls += 1) {
      const now = state.phase.dueAt;
      const start = {
        kind: 'start',
        attempt: calls + 1,
        leaseMs: 1_000,
        channelVersion: 1,
      } as const;
      const record = { kind: 'record_outcome', attempt: calls + 1, outcome } as const;
      for (const command of [start, record]) {
        const decided = decideDelivery(state, command, { recordedAt: now, rules });
        if (!decided.ok) throw new Error(decided.error.message);
        for (const event of decided.value) state = evolveDelivery(state, event);
      }
    }
    expect(calls).toBe(FREE_THROTTLES + maxAttempts(rules.profile));
    expect(state).toMatchObject({ phase: { status: 'dead' }, reason: 'attempts_exhausted' });
  });
});

describe('codeOf, detailOf and shortText', () => {
  it('make any text of a provider storable', () => {
    expect(codeOf('HTTP 503: no!')).toBe('http_503_no_');
    expect(codeOf('')).toBe('unspecified');
    expect(detailOf('   ')).toBeUndefined();
    expect(detailOf('x'.repeat(600))).toHaveLength(512);
    const metadata = { recordedAt: T0, correlationId: 'a', causationId: 'b', commandId: 'c' };
    given(accepted, started(1, 0))
      .when({
        kind: 'record_outcome',
        attempt: 1,
        at: 1,
        outcome: { outcome: 'permanent', code: '\u0000 ü', detail: '\ud800'.repeat(2_000) },
      })
      .then(
        {
          type: 'AttemptFailed',
          data: { ...about, attempt: 1, code: '_', detail: '\ufffd'.repeat(512) },
        },
        died('_', '\ufffd'.repeat(512)),
      );
    const event = died('_', '\ufffd'.repeat(512));
    expect(deliveryCodec.encode(event, metadata, about.notificationId).type).toBe(event.type);
  });
});
