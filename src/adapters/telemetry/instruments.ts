// The statuses of projector, parts and deliveries as OpenTelemetry instruments. Each is read once per collection: all
// its numbers are of one moment.
import type { Attributes, Meter, Observable } from '@opentelemetry/api';
import { parsePosition } from '../../domain/core/positions.ts';
import { REASONS } from '../../domain/policy/reasons.ts';
import {
  DELIVERY_INSTRUMENTS,
  PART_INSTRUMENTS,
  PROJECTOR_INSTRUMENTS,
  type Instrument,
} from '../../domain/ports/instruments.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';

type Observe<Name extends string> = (name: Name, value: number, attributes?: Attributes) => void;

/**
 * Registers a projector's instruments on a meter; for hosts with a meter provider of their own.
 *
 * @param status read once per collection
 */
export function observeProjector(meter: Meter, status: () => ProjectorStatus): void {
  // The SDK repeats the last value of each label. So all reasons are reported from the start, and a reason without
  // requests as 0; it may come from an older version of the read model.
  const seen = new Set([...Object.keys(REASONS.suppressed), ...Object.keys(REASONS.parked)]);
  observeTogether(meter, PROJECTOR_INSTRUMENTS, (observe) => {
    const now = status();
    for (const reason of Object.keys(now.reasons)) seen.add(reason);
    report(now, seen, observe);
  });
}

/** Registers the instruments of a daemon's parts. @param parts read once per collection */
export function observeParts(meter: Meter, parts: () => readonly PartStatus[]): void {
  observeTogether(meter, PART_INSTRUMENTS, (observe) => {
    for (const { name: part, state, seconds } of parts()) {
      observe('tocsin.part.running', Number(state === 'running'), { part });
      observe('tocsin.part.waiting', state === 'waiting' ? seconds : 0, { part });
    }
  });
}

/** What a worker's list of deliveries tells. */
export type DeliveryFacts = {
  /** The dead ones, the largest groups first. */
  readonly dead: readonly {
    readonly channel: string;
    readonly reason: string | null;
    readonly count: number;
  }[];
  /** How many deliveries have each status. */
  readonly byStatus?: Readonly<Record<string, number>>;
  /** The age of the oldest request that is not delivered, in seconds. */
  readonly oldestWaiting?: number;
};

/** Pairs of labels at most: a receiver can answer with any code, and each makes a reason. */
const MAX_DEAD_LABELS = 50;
const OTHER = { channel: 'other', reason: 'other' };

/** Registers the instruments of deliveries. @param facts read once per collection */
export function observeDeliveries(meter: Meter, facts: () => DeliveryFacts): void {
  // The SDK repeats the last value of each label, so each that was reported once is reported again.
  const seen = new Map<string, typeof OTHER>();
  const statuses = new Set<string>();
  observeTogether(meter, DELIVERY_INSTRUMENTS, (observe) => {
    const { dead, byStatus = {}, oldestWaiting = 0 } = facts();
    const counts = new Map([...seen.keys()].map((key) => [key, 0]));
    let others = 0;
    for (const { channel, reason, count } of dead) {
      const labels = { channel, reason: reason ?? '' };
      const key = JSON.stringify(labels);
      if (seen.size < MAX_DEAD_LABELS) seen.set(key, labels);
      if (seen.has(key)) counts.set(key, count);
      else others += count;
    }
    for (const [key, labels] of seen) {
      observe('tocsin.deliveries.dead', counts.get(key) ?? 0, labels);
    }
    observe('tocsin.deliveries.dead', others, OTHER);
    for (const status of Object.keys(byStatus)) statuses.add(status);
    for (const status of statuses) observe('tocsin.deliveries', byStatus[status] ?? 0, { status });
    observe('tocsin.deliveries.oldest_waiting', oldestWaiting);
  });
}

function report(
  status: ProjectorStatus,
  reasons: ReadonlySet<string>,
  observe: Observe<keyof typeof PROJECTOR_INSTRUMENTS>,
): void {
  const { totals, sent } = status;
  observe('tocsin.running', Number(status.phase === 'running'));
  observe('tocsin.active', Number(status.role === 'active'));
  observe('tocsin.caught_up', Number(status.caughtUp));
  // Metrics are doubles: above 2^53 the last digits of a position are lost, its movement is not.
  observe('tocsin.intake.position', commitOf(status.intake));
  observe('tocsin.committed.position', commitOf(status.committed));
  observe('tocsin.output.sequence', Number(status.outputSequence));
  observe('tocsin.lag.events', status.lagEvents);
  observe('tocsin.lag', status.lagSeconds);
  observe('tocsin.in_flight.messages', status.inFlight);
  observe('tocsin.stalled', status.stalledSeconds);
  observe('tocsin.store.away', status.storeAway?.seconds ?? 0);
  observe('tocsin.messages.sent', sent.triggered, { rule: 'trigger.raised' });
  observe('tocsin.messages.sent', sent.notifications, { rule: 'notification.requested' });
  observe('tocsin.events', totals.events);
  observe('tocsin.unknown.events', totals.unknown);
  observe('tocsin.triggers.published', totals.triggered);
  observe('tocsin.notifications.published', totals.published);
  observe('tocsin.notifications.suppressed', totals.suppressed);
  for (const reason of reasons) {
    observe('tocsin.notifications.withheld', status.reasons[reason] ?? 0, { reason });
  }
  observe('tocsin.parked', status.parked);
  observe('tocsin.epochs', status.epochs);
  observe('tocsin.foreign.messages', status.foreign);
  observe('tocsin.resent.messages', status.resent);
}

/** The commit part of a position, for a gauge. */
export function commitOf(position: string | undefined): number {
  return Number(parsePosition(position ?? '')?.commit ?? 0n);
}

/** Declares all instruments of a table, and observes them in one callback. */
export function observeTogether<Name extends string>(
  meter: Meter,
  table: Readonly<Record<Name, Instrument>>,
  report: (observe: Observe<Name>) => void,
): void {
  const instruments = new Map<string, Observable>(
    Object.entries<Instrument>(table).map(([name, instrument]) => [
      name,
      declare(meter, name, instrument),
    ]),
  );
  meter.addBatchObservableCallback(
    (result) => {
      report((name, value, attributes) => {
        const instrument = instruments.get(name);
        if (instrument !== undefined) result.observe(instrument, value, attributes);
      });
    },
    [...instruments.values()],
  );
}

function declare(meter: Meter, name: string, { kind, help, unit }: Instrument): Observable {
  const options = { description: help, unit };
  return kind === 'counter'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableGauge(name, options);
}
