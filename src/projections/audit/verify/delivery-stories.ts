// Follows the events of a delivery: which event may come after which. As src/domain/delivery decides, in a few bits.
import { ADDRESS_CHANNELS } from '../../../domain/channel/address.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import { shortHash } from './claims.ts';
import type { MismatchCode } from './mismatches.ts';

export type DeliveryStory = {
  /** The number of the last attempt. */
  readonly attempts: number;
  readonly isOpen: boolean;
  /** A skipped or dead delivery can be redriven; the others are over. */
  readonly end: 'none' | 'skipped' | 'dead' | 'over';
  /** The outcome of an attempt is unknown or suspect, so that another outcome may follow at any time. */
  readonly isDoubtful: boolean;
  /** The last outcome says nothing of what follows, so `DeliveryDied` was written with it. */
  readonly mustDie: boolean;
  /** The channel, where users configure it; else empty. */
  readonly channel: string;
  /** A short hash of what every event repeats. */
  readonly about: number;
};

/** The story after the acceptance. */
export function acceptedDelivery(event: DeliveryEvent): DeliveryStory {
  const channel = event.type === 'NotificationAccepted' ? event.data.channel : '';
  return {
    attempts: 0,
    isOpen: false,
    end: 'none',
    isDoubtful: false,
    mustDie: false,
    channel: CHANNELS.includes(channel) ? channel : '',
    about: aboutHash(event),
  };
}

type Fault = { readonly code: MismatchCode; readonly detail: string };

/** The story after an event, and what is wrong with the event. */
export type Followed = { readonly story: DeliveryStory; readonly fault?: Fault };

/** Follows an event after the acceptance. */
export function followDelivery(story: DeliveryStory, event: DeliveryEvent): Followed {
  const fault = faultOf(story, event);
  if (fault !== undefined) return { story: { ...story, mustDie: false }, fault };
  const after = { ...story, mustDie: false, ...changeOf(story, event) };
  if (aboutHash(event) === story.about) return { story: after };
  const detail = 'its trigger type is not that of its delivery';
  return { story: after, fault: { code: 'delivery_changed', detail } };
}

function faultOf(story: DeliveryStory, event: DeliveryEvent): Fault | undefined {
  const { attempts, isOpen, end, isDoubtful, mustDie } = story;
  const { type, data } = event;
  if (mustDie && type !== 'DeliveryDied')
    return missing(`DeliveryDied was written after the outcome of attempt ${attempts}`);
  const hasEnded = end !== 'none';
  switch (type) {
    case 'NotificationAccepted':
      return added('the notification was accepted before');
    case 'AttemptStarted':
      if (hasEnded || isOpen)
        return added(`attempt ${data.attempt} starts after ${hasEnded ? 'the end' : 'another'}`);
      return data.attempt === attempts + 1 ? undefined : notNext(data.attempt, attempts);
    case 'AttemptSucceeded':
    case 'AttemptFailed':
      if (data.attempt > attempts) return notNext(data.attempt, attempts);
      if ((isOpen && data.attempt === attempts) || isDoubtful) return undefined;
      return added(`attempt ${data.attempt} has an outcome already`);
    case 'AttemptOutcomeUnknown':
      if (data.attempt > attempts) return notNext(data.attempt, attempts);
      return isOpen && data.attempt === attempts
        ? undefined
        : added(`attempt ${data.attempt} has an outcome already`);
    case 'DeliveryDeferred':
      if (hasEnded) return added('the delivery has ended before');
      return isOpen && data.attempt !== attempts ? added('an attempt is under way') : undefined;
    case 'DeliveryRedriven':
      return end === 'skipped' || end === 'dead'
        ? undefined
        : added(hasEnded ? 'the delivery was over before' : 'the delivery has not ended');
    case 'DeliveryCancelled':
      if (end === 'skipped' && data.reason === 'trigger_cancelled') return undefined;
      return notUnderWay(hasEnded, isOpen);
    case 'DeliverySkipped':
    case 'DeliveryExpired':
    case 'DeliveryDied':
      return notUnderWay(hasEnded, isOpen);
  }
}

function changeOf(story: DeliveryStory, event: DeliveryEvent): Partial<DeliveryStory> {
  const { attempts, isOpen } = story;
  const { type, data } = event;
  switch (type) {
    case 'NotificationAccepted':
      return {};
    case 'AttemptStarted':
      return { attempts: Math.min(data.attempt, MAX_ATTEMPTS), isOpen: true };
    case 'AttemptSucceeded':
      return { isOpen: isOpen && data.attempt !== attempts, end: 'over' };
    case 'AttemptFailed': {
      const isCurrent = isOpen && data.attempt === attempts;
      return {
        isOpen: isOpen && !isCurrent,
        isDoubtful: story.isDoubtful || data.suspect === true,
        mustDie: isCurrent && data.nextAt === undefined,
      };
    }
    case 'AttemptOutcomeUnknown':
      return { isOpen: false, isDoubtful: true, mustDie: data.nextAt === undefined };
    case 'DeliveryDeferred':
      return { isOpen: false };
    case 'DeliveryRedriven':
      return { end: 'none' };
    case 'DeliverySkipped':
      return { end: 'skipped' };
    case 'DeliveryDied':
      return { end: 'dead' };
    case 'DeliveryExpired':
    case 'DeliveryCancelled':
      return { end: 'over', isOpen: false };
  }
}

function notUnderWay(hasEnded: boolean, isOpen: boolean): Fault | undefined {
  if (hasEnded) return added('the delivery has ended before');
  return isOpen ? added('an attempt is under way') : undefined;
}

function notNext(attempt: number, last: number): Fault {
  return attempt > last
    ? missing(`AttemptStarted of attempt ${attempt}: the last one before it is attempt ${last}`)
    : added(`attempt ${attempt} starts after attempt ${last}`);
}

function added(why: string): Fault {
  return { code: 'event_added', detail: `no command writes it there: ${why}` };
}

function missing(what: string): Fault {
  return { code: 'event_missing', detail: what };
}

const ENDS = ['none', 'skipped', 'dead', 'over'] as const;
const CHANNELS: readonly string[] = ['', ...ADDRESS_CHANNELS];
const MAX_ATTEMPTS = 2 ** 12 - 1;
const HASHES = 2 ** 9;

function aboutHash({ data: { triggerType, mock } }: DeliveryEvent): number {
  return shortHash(`${triggerType} ${mock}`) % HASHES;
}

/** The story as an integer from 1 to 2^28. */
export function packDelivery(story: DeliveryStory): number {
  const { attempts, isOpen, end, isDoubtful, mustDie, channel, about } = story;
  const flags = (isOpen ? 1 : 0) + (isDoubtful ? 2 : 0) + (mustDie ? 4 : 0);
  const low = 1 + flags + 8 * ENDS.indexOf(end) + 32 * CHANNELS.indexOf(channel);
  return low + 128 * (about + HASHES * Math.min(attempts, MAX_ATTEMPTS));
}

/** The story of {@link packDelivery}. */
export function unpackDelivery(packed: number): DeliveryStory {
  const bits = packed - 1;
  return {
    attempts: bits >>> 16,
    about: (bits >>> 7) % HASHES,
    channel: CHANNELS[(bits >>> 5) & 3] ?? '',
    end: ENDS[(bits >>> 3) & 3] ?? 'none',
    isOpen: (bits & 1) !== 0,
    isDoubtful: (bits & 2) !== 0,
    mustDie: (bits & 4) !== 0,
  };
}
