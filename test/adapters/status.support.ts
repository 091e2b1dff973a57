import type { ProjectorStatus } from '../../src/projections/publisher/status.ts';

/** The status of a projector that runs, has caught up and is idle. */
export const idleStatus: ProjectorStatus = {
  phase: 'running',
  role: 'active',
  caughtUp: true,
  storeAway: undefined,
  intake: '10/10',
  committed: '10/10',
  outputSequence: '4',
  lagEvents: 0,
  lagSeconds: 0,
  inFlight: 0,
  stalledSeconds: 0,
  epochs: 1,
  sent: { triggered: 2, notifications: 2 },
  foreign: 0,
  resent: 0,
  totals: { events: 6, triggered: 2, published: 2, suppressed: 0, parked: 0, unknown: 0 },
  reasons: {},
  parked: 0,
  lastFailure: undefined,
};
