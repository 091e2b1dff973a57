// Setting policies and mutes: validation, events, and the text form of policies.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decidePolicies,
  MAX_MUTE_MS,
  type PolicyCommand,
} from '../../src/domain/control/policies.ts';
import { controlCodec, type ControlEvent } from '../../src/domain/control/events.ts';
import {
  evolveControl,
  initialControl,
  type ControlState,
} from '../../src/domain/control/state.ts';
import type { PolicyRejection } from '../../src/domain/control/policies.ts';
import { formatDuration, parseDuration } from '../../src/domain/core/durations.ts';
import { checkPolicy, type Policy } from '../../src/domain/policy/policy.ts';
import { formatPolicy, parsePolicy } from '../../src/domain/policy/text.ts';
import { windowStartOf } from '../../src/domain/policy/windows.ts';
import { givenOf } from '../../src/testing.ts';

const NOW = Date.UTC(2026, 0, 1, 10);
const HOUR = 3_600_000;
const START = { id: 'e', position: { commit: 1n, prepare: 1n } };

const given = givenOf<ControlState, ControlEvent, PolicyCommand, PolicyRejection>({
  initial: initialControl,
  evolve: (state, event) => evolveControl(state, event, START),
  decide: (state, command) => decidePolicies(state, command, { recordedAt: NOW }),
});

const policy: Policy = { kind: 'anchored', windowMs: HOUR, axis: 'recordedAt' };
const set = (triggerType: string): ControlEvent => ({
  type: 'NotificationPolicySet',
  data: { triggerType, policy, reason: 'why' },
});
const setting = (more: object = {}): PolicyCommand => ({
  kind: 'set',
  triggerType: '*',
  policy: { kind: 'anchored', windowMs: HOUR },
  reason: 'why',
  ...more,
});
const mute = (until: number, triggerType = '*'): ControlEvent => ({
  type: 'NotificationsMuted',
  data: { triggerType, until, reason: 'why' },
});
const muting = (until: number): PolicyCommand => ({
  kind: 'mute',
  triggerType: '*',
  until,
  reason: 'why',
});
const unmuting: PolicyCommand = { kind: 'unmute', triggerType: '*', reason: 'why' };
const unmuted: ControlEvent = {
  type: 'NotificationsUnmuted',
  data: { triggerType: '*', reason: 'why' },
};

describe('decidePolicies, set', () => {
  it('writes the policy with its defaults', () => {
    given().when(setting()).then(set('*'));
    given(set('*'))
      .when(setting({ triggerType: 'a_type' }))
      .then(set('a_type'));
  });

  it('writes nothing when the policy is in force already', () => {
    given(set('*')).when(setting()).thenNothing();
    given(set('a_type')).when(setting()).then(set('*'));
  });

  it('refuses a missing reason, an invalid type and an invalid policy', () => {
    given()
      .when(setting({ reason: undefined }))
      .thenRejected('invalid_field');
    given()
      .when(setting({ reason: '  ' }))
      .thenRejected('invalid_field');
    given()
      .when(setting({ triggerType: 'No Type' }))
      .thenRejected('invalid_field');
    given()
      .when(setting({ policy: { kind: 'anchored' } }))
      .thenRejected('policy_invalid');
  });
});

describe('decidePolicies, mute and unmute', () => {
  it('writes the end of the mute; the last mute counts', () => {
    given()
      .when(muting(NOW + HOUR))
      .then(mute(NOW + HOUR));
    given(mute(NOW + HOUR))
      .when(muting(NOW + 1))
      .then(mute(NOW + 1));
    given(mute(NOW + HOUR))
      .when(muting(NOW + HOUR))
      .thenNothing();
  });

  it('refuses an end in the past and an end after the longest mute', () => {
    given().when(muting(NOW)).thenRejected('mute_invalid');
    given().when(muting(Number.NaN)).thenRejected('mute_invalid');
    given()
      .when(muting(NOW + MAX_MUTE_MS + 1))
      .thenRejected('mute_invalid');
    given()
      .when(muting(NOW + MAX_MUTE_MS))
      .then(mute(NOW + MAX_MUTE_MS));
  });

  it('ends a mute only while it is in force', () => {
    given(mute(NOW + HOUR))
      .when(unmuting)
      .then(unmuted);
    given().when(unmuting).thenNothing();
    given(mute(NOW)).when(unmuting).thenNothing();
    given(mute(NOW + HOUR, 'a_type'))
      .when(unmuting)
      .thenNothing();
    given(mute(NOW + HOUR), unmuted)
      .when(unmuting)
      .thenNothing();
  });
});

describe('checkPolicy', () => {
  const refusals: [string, unknown, RegExp][] = [
    ['a text', 'anchored 7d', /^policy must be an object, such as \{ kind: "anchored"/],
    [
      'a session without a maximum',
      { kind: 'session', gapMs: HOUR },
      /^maxMs is required: .*for ever/,
    ],
    [
      'a session shorter than its gap',
      { kind: 'session', gapMs: HOUR, maxMs: HOUR },
      /^maxMs must be larger than the gap/,
    ],
    ['no kind', { windowMs: HOUR }, /^kind must be one of tumbling, anchored/],
    ['no window', { kind: 'rolling', count: 2 }, /^windowMs is required/],
    ['a tiny window', { kind: 'anchored', windowMs: 999 }, /^windowMs must be .* 1000/],
    ['a count of none', { kind: 'rolling', count: 0, windowMs: HOUR }, /^count must be/],
    ['a phase beyond the window', { kind: 'tumbling', windowMs: HOUR, phase: HOUR }, /^phase must/],
    [
      'a part of another kind',
      { kind: 'anchored', windowMs: HOUR, count: 2 },
      /^count is not a part/,
    ],
    ['another axis', { kind: 'anchored', windowMs: HOUR, axis: 'created' }, /^axis must be one of/],
    [
      'another owner',
      { kind: 'anchored', windowMs: HOUR, per: 'team' },
      /^per must be one of user/,
    ],
    ['a target without a window', { kind: 'none', per: 'target' }, /^per is not a part/],
    ['an axis without a window', { kind: 'none', axis: 'requestedAt' }, /^axis is not a part/],
    ['a bypass without a window', { kind: 'none', bypasses: 1 }, /^bypasses is not a part/],
  ];
  it.each(refusals)('refuses %s and names the reason', (_, input, message) => {
    const checked = checkPolicy(input);
    const [issue] = checked.ok ? [] : checked.error;
    expect(`${issue?.field ?? ''} ${issue?.message ?? ''}`).toMatch(message);
  });

  it('does not store the default owner of a window', () => {
    const perUser = checkPolicy({ kind: 'anchored', windowMs: HOUR, per: 'user' });
    expect(perUser).toEqual(checkPolicy({ kind: 'anchored', windowMs: HOUR }));
  });

  it('defaults to the axis requestedAt for tumbling policies, else to recordedAt', () => {
    const axisOf = (text: string) => {
      const parsed = parsePolicy(text);
      return parsed.ok && parsed.value.kind !== 'none' ? parsed.value.axis : parsed;
    };
    expect(axisOf('tumbling 30m')).toBe('requestedAt');
    for (const text of ['anchored 30m', 'rolling 3 1h', 'session 10m max 4h']) {
      expect(axisOf(text)).toBe('recordedAt');
    }
  });
});

describe('parsePolicy and formatPolicy', () => {
  const length = fc.integer({ min: 1_000, max: 366 * 24 * HOUR });
  const rest = {
    per: fc.constantFrom('target' as const, undefined),
    axis: fc.constantFrom('requestedAt', 'recordedAt'),
    staleAfterMs: fc.option(length, { nil: undefined }),
    bypasses: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  };
  const policies: fc.Arbitrary<Policy> = fc.oneof(
    fc.record({
      kind: fc.constant('tumbling' as const),
      windowMs: length,
      phase: fc.constantFrom<('keyHash' | number)[]>(0, 'keyHash', 999),
      ...rest,
    }),
    fc.record({ kind: fc.constant('anchored' as const), windowMs: length, ...rest }),
    fc.record({
      kind: fc.constant('rolling' as const),
      count: fc.integer({ min: 1, max: 1_000 }),
      windowMs: length,
      ...rest,
    }),
    fc.record({ kind: fc.constant('session' as const), gapMs: length, ...rest }).map((session) => ({
      ...session,
      gapMs: session.gapMs - 1 < 1_000 ? 1_000 : session.gapMs - 1,
      maxMs: session.gapMs - 1 < 1_000 ? 1_001 : session.gapMs,
    })),
    fc.record({ kind: fc.constant('none' as const), staleAfterMs: rest.staleAfterMs }),
  );

  it('are inverse to each other', () => {
    fc.assert(
      fc.property(policies, (each) => {
        const parsed = parsePolicy(formatPolicy(each));
        expect(parsed).toEqual({ ok: true, value: { ...each } });
      }),
    );
  });

  it('accept brackets, commas and equals signs', () => {
    expect(parsePolicy('session(10m, max=4h)')).toEqual(parsePolicy('session 10m 4h'));
    expect(parsePolicy('rolling(3, 1h) axis=requestedAt')).toEqual(
      parsePolicy('rolling 3 1h on requestedAt'),
    );
  });

  it('name a policy per target and a policy without windows', () => {
    const texts = [
      'anchored 7d per target on recordedAt',
      'none',
      'none stale 2h',
      'tumbling 30m on requestedAt',
    ];
    for (const text of texts) {
      const parsed = parsePolicy(text);
      expect(parsed.ok ? formatPolicy(parsed.value) : parsed.error).toBe(text);
    }
    expect(parsePolicy('anchored 7d per target')).toMatchObject({ value: { per: 'target' } });
    expect(parsePolicy('anchored 30m per user')).toEqual(parsePolicy('anchored 30m'));
  });

  const wrong = ['anchored 30m per', 'anchored 30m per team', 'none 30m', 'none per target'];
  const others = [
    '',
    'weekly',
    'anchored 30',
    'anchored 30m 40m',
    'anchored 30m on',
    'rolling x 1h',
  ];
  it.each([...others, ...wrong])('refuse %j', (text) => {
    const parsed = parsePolicy(text);
    expect(parsed.ok ? [] : parsed.error).toHaveLength(1);
  });

  it('use durations that parseDuration reads as formatDuration writes them', () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
    expect([5_400_000, 90_000, 1_250, 0].map(formatDuration)).toEqual([
      '1h30m',
      '1m30s',
      '1s250ms',
      '0s',
    ]);
  });
});

describe('vectors of policies', () => {
  it('encode a policy, a mute and its end as in the vector', () => {
    const ids = { correlationId: 'x', causationId: 'x', commandId: 'x' };
    const dataOf = (event: ControlEvent) =>
      controlCodec.encode(event, { recordedAt: NOW, ...ids }, 'id').data;
    expect(dataOf(set('*'))).toEqual({
      triggerType: '*',
      policy: { kind: 'anchored', windowMs: 3_600_000, axis: 'recordedAt' },
      reason: 'why',
    });
    const stored = (each: Policy) =>
      dataOf({
        type: 'NotificationPolicySet',
        data: { triggerType: '*', policy: each, reason: 'why' },
      });
    expect(stored({ ...policy, per: 'target' })['policy']).toEqual({
      kind: 'anchored',
      windowMs: 3_600_000,
      per: 'target',
      axis: 'recordedAt',
    });
    expect(stored({ kind: 'none' })['policy']).toEqual({ kind: 'none' });
    expect(dataOf(mute(NOW))).toEqual({
      triggerType: '*',
      until: '2026-01-01T10:00:00.000Z',
      reason: 'why',
    });
    expect(dataOf(unmuted)).toEqual({ triggerType: '*', reason: 'why' });
  });

  it('compute the phase keyHash from user and type', () => {
    const hashed: Policy = {
      kind: 'tumbling',
      windowMs: HOUR,
      phase: 'keyHash',
      axis: 'requestedAt',
    };
    const target = { targetType: 'task_pool', targetId: '7' };
    const startOf = (user: string, triggerType: string, per?: 'target') =>
      windowStartOf({ ...hashed, per }, { user, triggerType, ...target }, NOW) - NOW;
    expect([
      startOf('42', 'important_urgent_task'),
      startOf('43', 'important_urgent_task'),
      startOf('42', 'unfinished_feedback'),
    ]).toEqual([-3_499_062, -589_863, -394_023]);
    expect(startOf('42', 'important_urgent_task', 'target')).toBe(-2_762_031);
  });
});
