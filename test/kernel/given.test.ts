// The tools of `tocsin/testing`: given/when/then must fail for every wrong decision.
import { AssertionError } from 'node:assert';
import { describe, expect, it } from 'vitest';
import { err, ok } from '../../src/domain/core/result.ts';
import { fixedClock, givenOf } from '../../src/testing.ts';

type Event = { readonly type: 'opened' | 'closed'; readonly by?: string | undefined };
type Command = 'open' | 'close' | 'touch';

const given = givenOf<number, Event, Command, { readonly code: 'not_open' }>({
  initial: 0,
  evolve: (open, { type }) => (type === 'opened' ? open + 1 : open - 1),
  decide(open, command) {
    if (command === 'touch') return ok([]);
    if (command === 'open') return ok([{ type: 'opened', by: 'x' }]);
    if (open === 0) return err({ code: 'not_open' });
    return ok(Array.from({ length: open }, () => ({ type: 'closed' as const, by: undefined })));
  },
});

const opened: Event = { type: 'opened', by: 'x' };
const closed: Event = { type: 'closed' };

describe('given/when/then', () => {
  it('passes for exactly the decided events, and treats undefined fields as absent', () => {
    given().when('open').then(opened);
    given(opened, opened).when('close').then(closed, closed);
    given().when('touch').thenNothing();
    given().when('close').thenRejected('not_open');
  });

  it.each([
    [
      'another field',
      () => {
        given().when('open').then({ type: 'opened', by: 'y' });
      },
    ],
    [
      'a missing field',
      () => {
        given().when('open').then({ type: 'opened' });
      },
    ],
    [
      'one event too few',
      () => {
        given(opened, opened).when('close').then(closed);
      },
    ],
    [
      'one event too many',
      () => {
        given(opened).when('close').then(closed, closed);
      },
    ],
    [
      'another order',
      () => {
        given().when('open').then(closed, opened);
      },
    ],
    [
      'events where none are due',
      () => {
        given().when('open').thenNothing();
      },
    ],
    [
      'none where some are due',
      () => {
        given().when('touch').then(opened);
      },
    ],
    [
      'a rejection where events are due',
      () => {
        given().when('close').then(closed);
      },
    ],
    [
      'a rejection where nothing is due',
      () => {
        given().when('close').thenNothing();
      },
    ],
    [
      'events where a rejection is due',
      () => {
        given().when('open').thenRejected('not_open');
      },
    ],
  ])('fails for %s', (_name, sentence) => {
    expect(sentence).toThrow(AssertionError);
  });

  it('shows the difference', () => {
    const sentence = () => {
      given().when('open').then({ type: 'opened', by: 'somebody' });
    };
    expect(sentence).toThrow(/other events[^]*\+\s+by: 'x'[^]*-\s+by: 'somebody'/);
  });
});

describe('fixedClock', () => {
  it('stands still until it is moved', () => {
    const clock = fixedClock('2026-04-30T10:17:42+08:00');
    expect([clock.now(), clock.now()]).toEqual([1777515462000, 1777515462000]);
    clock.advance(5);
    expect(clock.now()).toBe(1777515462005);
  });

  it('refuses a start that is no instant', () => {
    expect(() => fixedClock('yesterday')).toThrow(RangeError);
  });
});
