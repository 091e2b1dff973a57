// Two versions of the code in one process: the old one does not know ruleset 2. Which of them runs goes
// along with everything that it awaits.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Ruleset } from '../../src/projections/notification/rulesets.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';

export type Version = 'old' | 'new';

const running = new AsyncLocalStorage<Version>();

/** Runs it as that version. */
export function inVersion<T>(version: Version, work: () => Promise<T>): Promise<T> {
  return running.run(version, work);
}

/** The rulesets of the version that asks; outside of any, all of them. */
export function versionedRulesets(all: ReadonlyMap<number, Ruleset>): ReadonlyMap<number, Ruleset> {
  const first = all.get(1);
  if (first === undefined) throw new Error('there is a first ruleset');
  const second: Ruleset = {
    ...first,
    number: 2,
    decide: (policy, ...rest) => first.decide(halved(policy), ...rest),
  };
  return new Rulesets([...all, [2, second]]);
}

class Rulesets extends Map<number, Ruleset> {
  override get(number: number): Ruleset | undefined {
    return number === 2 && running.getStore() === 'old' ? undefined : super.get(number);
  }
}

/** Every window half as long. */
function halved(policy: Policy): Policy {
  return 'windowMs' in policy ? { ...policy, windowMs: policy.windowMs / 2 } : policy;
}
