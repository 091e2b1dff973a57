// The numbered rulesets. A verdict is a function of the log and of the ruleset in force at its position;
// code keeps every ruleset that was ever shipped, so that old logs give old answers. What a ruleset
// decides never changes: another answer is another number.
import type { Instant } from '../../domain/core/instants.ts';
import { DEFAULT_WINDOW_MS, tumblingWindowStart } from '../../domain/core/windows.ts';
import type { TriggerEventData } from '../../domain/trigger/events.ts';
import type { WindowKey } from '../ports.ts';

type Request = TriggerEventData<'NotificationRequested'>;

/** What a ruleset decides about a request. */
export type Decision =
  | { readonly verdict: 'published'; readonly reason: 'first_in_window' }
  | { readonly verdict: 'suppressed'; readonly reason: 'within_window'; readonly holder: string };

export type Ruleset = {
  readonly number: number;
  /** Start of the dedupe window that a request falls into. */
  readonly windowStart: (request: Request) => Instant;
  /** `holder` is the id of the notice that already holds the window. */
  readonly decide: (request: Request, holder: string | undefined) => Decision;
  /** A message body larger than this, in bytes, is parked. */
  readonly maxBodyBytes: number;
};

/** The seed's rule: one notice per user, type and tumbling 30 minutes of the trigger's `requestedAt`. */
const ruleset1: Ruleset = {
  number: 1,
  windowStart: (request) => tumblingWindowStart(request.triggerRequestedAt, DEFAULT_WINDOW_MS),
  decide: (_request, holder) =>
    holder === undefined
      ? { verdict: 'published', reason: 'first_in_window' }
      : { verdict: 'suppressed', reason: 'within_window', holder },
  maxBodyBytes: 256 * 1024,
};

/** Every ruleset that this code can decide under, by number. */
export const RULESETS: ReadonlyMap<number, Ruleset> = new Map([[1, ruleset1]]);

/** The ruleset of a log that has not activated one. */
export const INITIAL_RULESET = 1;

/** The window of a request, as the read model looks it up. */
export function windowKeyOf(ruleset: Ruleset, request: Request): WindowKey {
  const { mock, userId: user, triggerType } = request;
  return { mock, user, triggerType, windowStart: ruleset.windowStart(request) };
}

/** One text per window; ids and types cannot hold the separator. */
export function windowKeyText(key: WindowKey): string {
  return `${key.mock ? 'm' : 'l'} ${key.user} ${key.triggerType} ${key.windowStart}`;
}
