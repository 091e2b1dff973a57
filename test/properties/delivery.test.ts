// Properties of every delivery under random sequences of commands.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideDelivery, type DeliveryCommand } from '../../src/domain/delivery/decide.ts';
import { LEASE_MARGIN_MS } from '../../src/domain/delivery/effects.ts';
import type { DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { maxAttempts } from '../../src/domain/delivery/retry-schedule.ts';
import { evolveDelivery, hasEnded, type DeliveryState } from '../../src/domain/delivery/state.ts';
import { facts, LEASE_MS, T0 } from '../domain/delivery.support.ts';
import { play, rules, startOf, story } from '../domain/delivery.stories.ts';

describe('decideDelivery', () => {
  it('starts each attempt once, in order, and at most as many as the profile allows', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        let counted = 0;
        const numbers: number[] = [];
        const { events } = play(told, by);
        for (const event of events) {
          if (event.type === 'AttemptStarted') {
            numbers.push(event.data.attempt);
            counted += 1;
          }
          // An attempt that the provider turned away does not count; a redrive begins anew.
          if (event.type === 'DeliveryDeferred' && event.data.attempt !== undefined) counted -= 1;
          if (event.type === 'DeliveryRedriven') counted = 0;
          expect(counted).toBeLessThanOrEqual(maxAttempts(by.profile));
        }
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      }),
    );
  });

  it('starts no attempt at or after the expiry', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        play(told, by, (_, step, now) => {
          if (now < facts.expiresAt) return;
          expect(step.map(({ type }) => type)).not.toContain('AttemptStarted');
        });
      }),
    );
  });

  it('starts no attempt while another attempt is open', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        play(told, by, (before, step) => {
          const starts = step.filter(({ type }) => type === 'AttemptStarted');
          if (starts.length > 0) expect(before?.open).toBeUndefined();
        });
      }),
    );
  });

  it('always has an event to append when a delivery is due', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        const { states } = play(told, by);
        const last = states.at(-1);
        if (last === undefined || hasEnded(last)) return;
        const due =
          last.phase.status === 'waiting'
            ? last.phase.dueAt
            : (last.open?.leaseUntil ?? 0) + LEASE_MARGIN_MS;
        expect(due).toBeLessThanOrEqual(facts.expiresAt + LEASE_MS + LEASE_MARGIN_MS);
        const look: DeliveryCommand =
          last.phase.status === 'waiting'
            ? startOf(last.attempts + 1)
            : { kind: 'expire_lease', attempt: last.attempts };
        const recordedAt = Math.max(due, T0);
        const decided = decideDelivery(last, look, { recordedAt, rules: by });
        expect(decided.ok && decided.value.length).toBeGreaterThan(0);
      }),
    );
  });

  it('leaves a delivered delivery delivered, and an ended one ended without redrive or late outcome', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        play(told, by, (before, step) => {
          if (before === undefined || !hasEnded(before) || step.length === 0) return;
          const [first] = step;
          const isLate =
            first?.type === 'AttemptSucceeded' ||
            (first?.type === 'AttemptFailed' && first.data.late === true);
          expect(isLate || first?.type === 'DeliveryRedriven').toBe(true);
          const next = step.reduce<DeliveryState>(evolveDelivery, before);
          if (before.phase.status === 'delivered') expect(next?.phase.status).toBe('delivered');
        });
      }),
    );
  });

  it('marks an end as doubtful exactly when the outcome of an attempt is not certain', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        const open = new Set<number>();
        for (const event of play(told, by).events) {
          if (event.type === 'AttemptOutcomeUnknown') open.add(event.data.attempt);
          if (event.type === 'AttemptSucceeded') open.delete(event.data.attempt);
          if (event.type === 'AttemptFailed') {
            if (event.data.suspect === true) open.add(event.data.attempt);
            else open.delete(event.data.attempt);
          }
          if (event.type === 'DeliveryDied' || event.type === 'DeliveryExpired') {
            expect(event.data.doubtful).toBe(open.size > 0);
          }
        }
      }),
    );
  });

  it('folds to the same state from the same events, and ignores repeated commands', () => {
    fc.assert(
      fc.property(story, rules, (told, by) => {
        const { events, states } = play(told, by);
        expect(events.reduce<DeliveryState>(evolveDelivery, undefined)).toEqual(states.at(-1));
        const doubled = told.flatMap(([wait, next]) => [
          [wait, next] as const,
          ...(next.kind === 'record_outcome' ||
          next.kind === 'expire_lease' ||
          next.kind === 'accept'
            ? [[0, next] as const]
            : []),
        ]);
        const types = (list: readonly DeliveryEvent[]) =>
          list.filter(({ data }) => !('suspect' in data)).map(({ type }) => type);
        expect(types(play(doubled, by).events)).toEqual(types(events));
      }),
    );
  });
});
