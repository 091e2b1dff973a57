// Two versions of the code in one process: the old one does not know ruleset 2. Which of them runs goes
// along with everything that it awaits.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Ruleset } from '../../src/projections/dedupe/rulesets.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';

export type Version = 'old' | 'new';

const running = new AsyncLocalStorage<Version>();

/** Runs it as that version. */
export function inVersion<T>(version: Version, work: () => Promise<T>): Promise<T> {
  return running.run(version, work);
}

/** What the version that asks knows of a ruleset; outside of any, everything is known. */
export function rulesetsOf(first: Ruleset): (number: number) => Ruleset | undefined {
  const second: Ruleset = {
    ...first,
    number: 2,
    decide: (policy, ...rest) => first.decide(halved(policy), ...rest),
  };
  return (number) => {
    if (number === 1) return first;
    return number === 2 && running.getStore() !== 'old' ? second : undefined;
  };
}

/** Every window half as long. */
function halved(policy: Policy): Policy {
  return 'windowMs' in policy ? { ...policy, windowMs: policy.windowMs / 2 } : policy;
}
