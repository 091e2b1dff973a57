// The numbered rulesets. A verdict is a function of the log and of the ruleset in force at its position.
// The code keeps every ruleset that was ever shipped, so that an old log gives its old verdicts. A ruleset
// never changes: different verdicts need a new number.
import { TocsinError } from '../../domain/core/errors.ts';
import { decideNotification } from '../../domain/policy/decide.ts';
import { mayRelease } from '../../domain/policy/windows.ts';

export type Ruleset = {
  readonly number: number;
  readonly decide: typeof decideNotification;
  /** Whether a sent notification that ended undelivered stops holding its window. */
  readonly mayRelease: typeof mayRelease;
  /** A larger message body, in bytes, is parked. */
  readonly maxBodyBytes: number;
};

/** The rulesets that a fold can decide under, by number. */
export type Rulesets = ReadonlyMap<number, Ruleset>;

/** Follows the policies of the log; without one, one notification per user, type and 30 minutes. */
const ruleset1: Ruleset = {
  number: 1,
  decide: decideNotification,
  mayRelease,
  maxBodyBytes: 256 * 1024,
};

/** Every ruleset that this code ships. */
export const SHIPPED_RULESETS: Rulesets = new Map([[1, ruleset1]]);

/** The ruleset of a log that has not activated one. */
export const INITIAL_RULESET = 1;

/** The ruleset with that number. @throws TocsinError `ruleset_unknown`: this code must not go on */
export function rulesetOf(rulesets: Rulesets, number: number): Ruleset {
  const ruleset = rulesets.get(number);
  if (ruleset !== undefined) return ruleset;
  const known = [...rulesets.keys()].join(', ');
  const message = `the log is under ruleset ${number}; this version knows ${known}`;
  throw new TocsinError('refused', 'ruleset_unknown', message, {
    hint: 'Run a version of Tocsin that knows it. This version would decide differently.',
  });
}
