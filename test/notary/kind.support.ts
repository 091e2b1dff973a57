// What the tests of tampering say of each kind: the change, and by which name verify finds it without a head.
import type { MismatchCode } from '../../src/projections/audit/verify/mismatches.ts';
import type { Tampering } from '../support/audited.ts';
import type { EditLog } from './real-run.support.ts';

export type Kind = {
  readonly kind: string;
  /** The first difference without a head; `null`: none. */
  readonly without: MismatchCode | null;
  /** With a head that was kept elsewhere; absent for changes outside of the log, for which a head changes nothing. */
  readonly with?: MismatchCode;
  /** Why nothing inside can find it. */
  readonly why?: string;
  readonly log?: EditLog;
  readonly others?: Omit<Tampering, 'log'>;
  /** Changes the file of the read model. */
  readonly sql?: string;
};

export const changed = (kind: string, without: MismatchCode, log: EditLog): Kind => ({
  ...{ kind, without, log },
  with: 'event_changed',
});
export const silent = (kind: string, code: MismatchCode, why: string, log: EditLog): Kind => ({
  ...{ kind, without: null, why, log },
  with: code,
});
export const EARLY = '2024-08-01T00:00:00.000Z';
export const OTHER = '00000000-0000-5000-8000-000000000000';
export const ONE_COPY = 'The value stands in this event only.';
export const ALL_COPIES = 'Every copy of the value was changed alike.';
export const LAST = 'What remains is what a log looks like before the event is written.';
export const PROPER = 'The event is one that a command could have written there.';
