// The status of a projector, for health, metrics and the command line.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { Counts } from '../read-model.ts';
import type { Role } from './publisher.ts';

/** A projector's state at one moment; it is JSON as it is. */
export type ProjectorStatus = {
  /** `stopped` before and after `run`, `waiting` between two epochs. */
  readonly phase: 'stopped' | 'waiting' | 'running';
  readonly role: Role;
  /** True once everything that was in the log at some moment has been committed; false while the store is away. */
  readonly caughtUp: boolean;
  /** For how long the event store has been away, and why. */
  readonly storeAway: { readonly seconds: number; readonly reason: string } | undefined;
  /** Position of the last folded event, and the last committed position, as `commit/prepare`. */
  readonly intake: string | undefined;
  readonly committed: string | undefined;
  readonly outputSequence: string;
  /** Events that were folded but not committed. */
  readonly lagEvents: number;
  /** Age of the oldest event that is folded but not committed; during catch-up, of the last committed. */
  readonly lagSeconds: number;
  /** Messages in flight. */
  readonly inFlight: number;
  /** For how long nothing was committed although there is work; 0 when all is well. */
  readonly stalledSeconds: number;
  readonly epochs: number;
  /** Messages that this projector has stored, by rule, since it was opened. */
  readonly sent: { readonly triggered: number; readonly notifications: number };
  /** Foreign messages in the output stream, and lost messages that were sent again. */
  readonly foreign: number;
  readonly resent: number;
  /** Totals of the log, as committed. */
  readonly totals: Counts;
  /** Suppressed and parked requests, by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly parked: number;
  /** Why the last epoch ended, without secrets. */
  readonly lastFailure: string | undefined;
};

/** True when `position` has been reached. */
export function isPast(committed: Position | undefined, position: Position): boolean {
  return committed !== undefined && comparePositions(committed, position) >= 0;
}
