// When a daemon is ready: a projector by its status, the API by whether its event store answers.
import type { PartStatus } from '../../../kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../../projections/publisher/status.ts';

/** Why a daemon is not ready; codes are stable. */
export type Reason = {
  readonly code:
    | 'stopped'
    | 'waiting'
    | 'catching_up'
    | 'lagging'
    | 'stalled'
    | 'store_away'
    | 'status_unreadable'
    | 'store_unavailable'
    | 'part_stopped'
    | 'part_waiting';
  readonly message: string;
};

/** The body of `/health/ready`. All fields after `reasons` are a projector's. */
export type Readiness = {
  readonly ready: boolean;
  readonly reasons: readonly Reason[];
  /** Ready, but an operator should look: events are parked. Later events pass them. */
  readonly degraded?: boolean;
  readonly role?: ProjectorStatus['role'];
  readonly lagSeconds?: number;
  readonly stalledSeconds?: number;
  readonly parked?: number;
};

/** In seconds; beyond these a projector is not ready. */
export type ReadinessLimits = { readonly lagSeconds: number; readonly stalledSeconds: number };

/** Why parts of a daemon are not ready: one does not run, or has waited for more than `limitSeconds`. */
export function withParts(
  readiness: Readiness,
  parts: readonly PartStatus[],
  limitSeconds: number,
): Readiness {
  const reasons = [...readiness.reasons];
  for (const { name, state, seconds, reason = 'no reason' } of parts) {
    if (state === 'stopped')
      reasons.push({ code: 'part_stopped', message: `${name} does not run` });
    if (state !== 'waiting' || seconds <= limitSeconds) continue;
    const message = `${name} has waited for ${seconds.toFixed(1)} s: ${reason}`;
    reasons.push({ code: 'part_waiting', message });
  }
  if (reasons.length === readiness.reasons.length) return readiness;
  return {
    ...readiness,
    ready: false,
    reasons,
    ...(readiness.degraded ? { degraded: false } : {}),
  };
}

/** A projector is ready when it runs, has caught up and keeps up. */
export function projectorReadiness(
  read: () => ProjectorStatus,
  limits: ReadinessLimits,
): Readiness {
  let status: ProjectorStatus;
  try {
    status = read();
  } catch {
    const message = 'the projector’s status cannot be read';
    return { ready: false, degraded: false, reasons: [{ code: 'status_unreadable', message }] };
  }
  const { role, lagSeconds, stalledSeconds, parked } = status;
  const reasons = reasonsOf(status, limits);
  const ready = reasons.length === 0;
  const degraded = ready && parked > 0;
  return { ready, degraded, reasons, role, lagSeconds, stalledSeconds, parked };
}

/** A process that projects nothing is ready when its event store answers the probe. */
export async function storeReadiness(probe: () => Promise<unknown>): Promise<Readiness> {
  try {
    await probe();
    return { ready: true, reasons: [] };
  } catch {
    // The error may name addresses: it belongs in the log.
    const message = 'the event store cannot be reached';
    return { ready: false, reasons: [{ code: 'store_unavailable', message }] };
  }
}

function reasonsOf(status: ProjectorStatus, limits: ReadinessLimits): Reason[] {
  const { phase, caughtUp, storeAway, lagSeconds, stalledSeconds, lastFailure } = status;
  const why = lastFailure === undefined ? '' : `: ${lastFailure}`;
  const away = `the event store has been away for ${storeAway?.seconds.toFixed(1)} s: ${storeAway?.reason}`;
  const lag = `${lagSeconds.toFixed(1)} s behind, more than ${limits.lagSeconds} s`;
  const stall = `no progress for ${stalledSeconds.toFixed(1)} s, more than ${limits.stalledSeconds} s`;
  const all: readonly (readonly [applies: boolean, code: Reason['code'], message: string])[] = [
    [phase === 'stopped', 'stopped', 'the projector does not run'],
    [phase === 'waiting', 'waiting', `waiting before the next try${why}`],
    [storeAway !== undefined, 'store_away', away],
    [
      !caughtUp && storeAway === undefined,
      'catching_up',
      'the log has events that are not projected yet',
    ],
    [lagSeconds > limits.lagSeconds, 'lagging', lag],
    [stalledSeconds > limits.stalledSeconds, 'stalled', stall],
  ];
  return all.filter(([applies]) => applies).map(([, code, message]) => ({ code, message }));
}
