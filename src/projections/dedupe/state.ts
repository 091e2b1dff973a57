// The state that the fold carries from one event to the next, and what of it a checkpoint keeps.
import type { Position } from '../../domain/core/positions.ts';
import { NO_POLICIES, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import type { Checkpoint, Counts, EventRef } from '../read-model.ts';
import { GENESIS_DIGEST } from './messages.ts';
import { INITIAL_RULESET } from './rulesets.ts';

export type FoldState = {
  readonly position: Position;
  readonly lastEvent: EventRef | null;
  readonly ruleset: number;
  /** Not in the checkpoint: the control stream up to the position gives them. */
  readonly policies: PoliciesInForce;
  readonly ordinal: bigint;
  readonly digest: string;
  readonly counts: Counts;
};

export const NO_COUNTS: Counts = {
  events: 0,
  triggered: 0,
  published: 0,
  suppressed: 0,
  parked: 0,
  unknown: 0,
};

export const initialFold: FoldState = {
  position: { commit: 0n, prepare: 0n },
  lastEvent: null,
  ruleset: INITIAL_RULESET,
  policies: NO_POLICIES,
  ordinal: 0n,
  digest: GENESIS_DIGEST,
  counts: NO_COUNTS,
};

export function checkpointOf(
  state: FoldState,
  identity: Pick<Checkpoint, 'storeId' | 'output' | 'sequence'>,
): Checkpoint {
  const { policies: _, ...kept } = state;
  return { ...kept, ...identity };
}
