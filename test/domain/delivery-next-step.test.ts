// The next step of a delivery: one case per step, and what holds for every delivery at every time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideDelivery } from '../../src/domain/delivery/decide.ts';
import { LEASE_MARGIN_MS } from '../../src/domain/delivery/effects.ts';
import type { DeliveryEvent } from '../../src/domain/delivery/events.ts';
import {
  nextStep,
  type ChannelFacts,
  type RequestFacts,
} from '../../src/domain/delivery/next-step.ts';
import { evolveDelivery, type DeliveryState } from '../../src/domain/delivery/state.ts';
import type { NotificationRequest } from '../../src/domain/notification/events.ts';
import { anyStory, playStory } from './delivery.stories.ts';
import {
  about,
  accepted,
  facts,
  failed,
  HOUR,
  LEASE_MS,
  started,
  succeeded,
  T0,
} from './delivery.support.ts';

const stateOf = (...events: readonly DeliveryEvent[]): DeliveryState =>
  events.reduce<DeliveryState>(evolveDelivery, undefined);

// nextStep only hands the request on.
const request = { previewId: facts.previewId } as NotificationRequest;
const found = (previewEnding?: string): RequestFacts => ({
  ok: true,
  value: { request, payload: { due: 1 }, previewEnding },
});
const open: ChannelFacts = { kind: 'open' };
const closed: ChannelFacts = { kind: 'closed', reason: 'no_channel' };
const busy: ChannelFacts = { kind: 'busy', until: T0 + 7_000, reason: 'rate_limited' };

const waiting = stateOf(accepted);
const attempting = stateOf(accepted, started(1, 0));
const leaseOver = LEASE_MS + LEASE_MARGIN_MS;

describe('nextStep', () => {
  it.each([
    ['nothing for a delivery that was not accepted', undefined, found(), open, 0, { kind: 'none' }],
    [
      'nothing after an end',
      stateOf(accepted, started(1, 0), succeeded(1)),
      found(),
      open,
      HOUR,
      { kind: 'none' },
    ],
    [
      'a wait until the next attempt is due',
      stateOf(accepted, started(1, 0), failed(1, 5_000)),
      undefined,
      undefined,
      4_999,
      { kind: 'wait', until: T0 + 5_000 },
    ],
    [
      'a wait until the lease of the open attempt and its margin are over',
      attempting,
      undefined,
      undefined,
      leaseOver - 1,
      { kind: 'wait', until: T0 + leaseOver },
    ],
    [
      'an unknown outcome when the lease and its margin are over',
      attempting,
      undefined,
      undefined,
      leaseOver,
      { kind: 'expire_lease', attempt: 1 },
    ],
    [
      'the expiry without reading request or channel',
      waiting,
      undefined,
      undefined,
      HOUR,
      { kind: 'expire' },
    ],
    [
      'the request first',
      waiting,
      undefined,
      undefined,
      0,
      { kind: 'read_request', source: facts.source },
    ],
    [
      'the end of a delivery whose request cannot be read',
      waiting,
      { ok: false, error: 'no_event' },
      undefined,
      0,
      { kind: 'give_up', reason: 'request_unreadable', detail: 'in the log: no_event' },
    ],
    ['the expiry of its preview', waiting, found('expired'), open, 0, { kind: 'expire' }],
    [
      'the cancellation when its preview has ended in another way',
      waiting,
      found('applied'),
      open,
      0,
      { kind: 'cancel', reason: 'preview_applied' },
    ],
    [
      'then the channel',
      waiting,
      found(),
      undefined,
      0,
      { kind: 'look_up_channel', delivery: { userId: about.userId, channel: 'feishu' } },
    ],
    [
      'a skip for a closed channel',
      waiting,
      found(),
      closed,
      0,
      { kind: 'skip', reason: 'no_channel' },
    ],
    [
      'a deferral for a busy channel',
      waiting,
      found(),
      busy,
      0,
      { kind: 'defer', until: T0 + 7_000, reason: 'rate_limited' },
    ],
    [
      'the next attempt for an open channel',
      stateOf(accepted, started(1, 0), failed(1, 5_000)),
      found(),
      open,
      5_000,
      { kind: 'make_attempt', attempt: 2, request, payload: { due: 1 } },
    ],
  ] as const)('is %s', (_, state, requestFacts, channelFacts, at, expected) => {
    expect(nextStep(state, requestFacts, channelFacts, T0 + at)).toMatchObject(expected);
  });

  it('leads to an event for every delivery that is due, and to an attempt only before the expiry', () => {
    const anyRequest = fc.constantFrom<RequestFacts>(found(), found('expired'), found('applied'), {
      ok: false,
      error: 'unreadable',
    });
    fc.assert(
      fc.property(
        anyStory,
        anyRequest,
        fc.constantFrom(open, closed, busy),
        fc.nat(2 * HOUR),
        (story, requestFacts, channelFacts, ms) => {
          const [, rules] = story;
          const state = playStory(story).states.at(-1);
          const now = T0 + ms;
          const step = nextStep(state, requestFacts, channelFacts, now);
          switch (step.kind) {
            case 'none':
              expect(state === undefined || !('dueAt' in state.phase)).toBe(true);
              return;
            case 'wait':
              expect(step.until).toBeGreaterThan(now);
              return;
            case 'read_request':
            case 'look_up_channel':
              throw new Error('request and channel are known');
            case 'make_attempt':
              expect(now).toBeLessThan(facts.expiresAt);
              break;
            default:
              // The other steps are commands: the decision below accepts each of them.
              break;
          }
          const command =
            step.kind === 'make_attempt'
              ? {
                  kind: 'start' as const,
                  attempt: step.attempt,
                  leaseMs: LEASE_MS,
                  channelVersion: 1,
                }
              : step;
          const decided = decideDelivery(state, command, { recordedAt: now, rules });
          expect(decided.ok && decided.value.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
