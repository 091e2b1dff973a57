// The numbered rulesets. A verdict is a function of the log and of the ruleset in force at its position;
// code keeps every ruleset that was ever shipped, so that old logs give old answers. What a ruleset
// decides never changes: another answer is another number.
import { decideNotification } from '../../domain/policy/decide.ts';
import { mayRelease } from '../../domain/policy/release.ts';

export type Ruleset = {
  readonly number: number;
  /** What becomes of a request under the policy in force. */
  readonly decide: typeof decideNotification;
  /** Whether a notice that ended undelivered stops holding its window. */
  readonly mayRelease: typeof mayRelease;
  /** A message body larger than this, in bytes, is parked. */
  readonly maxBodyBytes: number;
};

/** The policies of the log; where none was set, one notice per user, type and tumbling 30 minutes. */
const ruleset1: Ruleset = {
  number: 1,
  decide: decideNotification,
  mayRelease,
  maxBodyBytes: 256 * 1024,
};

/** Every ruleset that this code can decide under, by number. */
export const RULESETS: ReadonlyMap<number, Ruleset> = new Map([[1, ruleset1]]);

/** The ruleset of a log that has not activated one. */
export const INITIAL_RULESET = 1;
