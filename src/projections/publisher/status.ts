// What a projector can say about itself; health, metrics and the command line read it.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Counts } from '../read-model.ts';
import type { EpochView } from './epoch.ts';
import type { Role } from './publisher.ts';

/** A projector's state at one moment. */
export type ProjectorStatus = {
  /** `stopped` before and after `run`, `waiting` between two epochs. */
  readonly phase: 'stopped' | 'waiting' | 'running';
  readonly role: Role;
  /** True once everything that was in the log at some moment has been committed. */
  readonly caughtUp: boolean;
  /** Last event that was folded, and last position that was committed. */
  readonly intake: Position | undefined;
  readonly committed: Position | undefined;
  readonly outputSequence: bigint;
  /** Events that were folded but not committed. */
  readonly lagEvents: number;
  /** Age of the oldest event that was folded but not committed; while behind, of the last committed. */
  readonly lagSeconds: number;
  /** Messages on their way. */
  readonly inFlight: number;
  /** Since how long nothing has moved although there is something to do; 0 when all is well. */
  readonly stalledSeconds: number;
  readonly epochs: number;
  /** Messages that this projector has stored, by rule, since it was opened. */
  readonly sent: { readonly triggered: number; readonly notifications: number };
  /** Messages of others in the output stream, and lost ones that were sent again. */
  readonly foreign: number;
  readonly resent: number;
  /** Totals of the log, as committed. */
  readonly totals: Counts;
  /** Verdicts that let nothing through, by reason. */
  readonly reasons: ReadonlyMap<string, number>;
  readonly parked: number;
  /** Why the last epoch ended, without secrets. */
  readonly lastFailure: string | undefined;
};

/** The moving parts behind a status. */
export type StatusParts = {
  readonly phase: ProjectorStatus['phase'];
  readonly view: EpochView | undefined;
  readonly caughtUp: boolean;
  readonly intake: { readonly position: Position; readonly events: number } | undefined;
  readonly committed: { readonly position: Position; readonly events: number } | undefined;
  readonly lastRecordedAt: Instant | undefined;
  readonly now: Instant;
};

/** Age in seconds of what is not committed yet. */
export function lagSecondsOf(parts: StatusParts): number {
  const oldest = parts.view?.oldest ?? (parts.caughtUp ? undefined : parts.lastRecordedAt);
  return oldest === undefined ? 0 : Math.max(0, (parts.now - oldest) / 1000);
}

/** True when `position` has been reached. */
export function isPast(committed: Position | undefined, position: Position): boolean {
  return committed !== undefined && comparePositions(committed, position) >= 0;
}
