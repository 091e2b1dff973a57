// The rulesets of two versions of the code: the old version does not know ruleset 2.
import { SHIPPED_RULESETS, type Rulesets } from '../../src/projections/dedupe/rulesets.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';

const first = SHIPPED_RULESETS.get(1);
if (first === undefined) throw new Error('ruleset 1 is not shipped');
const { decide } = first;

export const OLD_RULESETS: Rulesets = new Map([[1, first]]);

/** Ruleset 2 decides under windows that are half as long. */
export const NEW_RULESETS: Rulesets = new Map([
  [1, first],
  [2, { ...first, number: 2, decide: (policy, ...rest) => decide(halved(policy), ...rest) }],
]);

function halved(policy: Policy): Policy {
  return 'windowMs' in policy ? { ...policy, windowMs: policy.windowMs / 2 } : policy;
}
