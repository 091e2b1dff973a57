// A projector's status as OpenTelemetry instruments. It is read once per collection: all numbers are of one moment.
import { REASONS } from '../../domain/policy/reasons.ts';
import type { Attributes, Meter, Observable } from '@opentelemetry/api';
import { parsePosition } from '../../domain/core/positions.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';
import { METRICS, type Declaration, type MetricName } from './names.ts';

export type Observe = (name: MetricName, value: number, attributes?: Attributes) => void;

/**
 * Registers a projector's instruments on a meter; for hosts with a meter provider of their own.
 *
 * @param status read once per collection
 */
export function observeProjector(meter: Meter, status: () => ProjectorStatus): void {
  const isProjectors = (name: MetricName): boolean =>
    name.startsWith('tocsin_') && !isOfParts(name) && !isOfDeliveries(name);
  // The SDK repeats the last value of each label. So all reasons are reported from the start, and a reason without
  // requests as 0; it may come from an older version of the read model.
  const seen = new Set([...Object.keys(REASONS.suppressed), ...Object.keys(REASONS.parked)]);
  observeTogether(meter, isProjectors, (observe) => {
    const now = status();
    for (const reason of Object.keys(now.reasons)) seen.add(reason);
    report(now, seen, observe);
  });
}

/** Registers the instruments of a daemon's parts. @param parts read once per collection */
export function observeParts(meter: Meter, parts: () => readonly PartStatus[]): void {
  observeTogether(meter, isOfParts, (observe) => {
    for (const { name: part, state, seconds } of parts()) {
      observe('tocsin_part_running', Number(state === 'running'), { part });
      observe('tocsin_part_waiting_seconds', state === 'waiting' ? seconds : 0, { part });
    }
  });
}

/** What a worker's list of deliveries tells of the dead ones, the largest groups first. */
export type DeadDeliveries = () => readonly {
  readonly channel: string;
  readonly reason: string | null;
  readonly count: number;
}[];

/** Pairs of labels at most: a receiver can answer with any code, and each makes a reason. */
const MAX_DEAD_LABELS = 50;
const OTHER = { channel: 'other', reason: 'other' };

/** Registers the instruments of deliveries. @param dead read once per collection */
export function observeDeliveries(meter: Meter, dead: DeadDeliveries): void {
  // The SDK repeats the last value of each label, so each that was reported once is reported again.
  const seen = new Map<string, typeof OTHER>();
  observeTogether(meter, isOfDeliveries, (observe) => {
    const counts = new Map([...seen.keys()].map((key) => [key, 0]));
    let others = 0;
    for (const { channel, reason, count } of dead()) {
      const labels = { channel, reason: reason ?? '' };
      const key = JSON.stringify(labels);
      if (seen.size < MAX_DEAD_LABELS) seen.set(key, labels);
      if (seen.has(key)) counts.set(key, count);
      else others += count;
    }
    for (const [key, labels] of seen) {
      observe('tocsin_deliveries_dead', counts.get(key) ?? 0, labels);
    }
    observe('tocsin_deliveries_dead', others, OTHER);
  });
}

const isOfDeliveries = (name: MetricName): boolean => name.startsWith('tocsin_deliveries_');

const isOfParts = (name: MetricName): boolean => name.startsWith('tocsin_part_');

function report(status: ProjectorStatus, reasons: ReadonlySet<string>, observe: Observe): void {
  const { totals, sent } = status;
  observe('tocsin_running', Number(status.phase === 'running'));
  observe('tocsin_active', Number(status.role === 'active'));
  observe('tocsin_caught_up', Number(status.caughtUp));
  // Metrics are doubles: above 2^53 the last digits of a position are lost, its movement is not.
  observe('tocsin_intake_position', commitOf(status.intake));
  observe('tocsin_committed_position', commitOf(status.committed));
  observe('tocsin_output_sequence', Number(status.outputSequence));
  observe('tocsin_lag_events', status.lagEvents);
  observe('tocsin_lag_seconds', status.lagSeconds);
  observe('tocsin_in_flight_messages', status.inFlight);
  observe('tocsin_stalled_seconds', status.stalledSeconds);
  observe('tocsin_store_away_seconds', status.storeAway?.seconds ?? 0);
  observe('tocsin_messages_sent', sent.triggered, { rule: 'trigger.raised' });
  observe('tocsin_messages_sent', sent.notifications, { rule: 'notification.requested' });
  observe('tocsin_events', totals.events);
  observe('tocsin_unknown_events', totals.unknown);
  observe('tocsin_triggers_published', totals.triggered);
  observe('tocsin_notifications_published', totals.published);
  observe('tocsin_notifications_suppressed', totals.suppressed);
  for (const reason of reasons) {
    observe('tocsin_notifications_withheld', status.reasons[reason] ?? 0, { reason });
  }
  observe('tocsin_parked', status.parked);
  observe('tocsin_epochs', status.epochs);
  observe('tocsin_foreign_messages', status.foreign);
  observe('tocsin_resent_messages', status.resent);
}

function commitOf(position: string | undefined): number {
  return Number(parsePosition(position ?? '')?.commit ?? 0n);
}

/** Declares the instruments that `belongs` picks, and observes all of them in one callback. */
export function observeTogether(
  meter: Meter,
  belongs: (name: MetricName) => boolean,
  report: (observe: Observe) => void,
): void {
  const entries = Object.entries<Declaration>(METRICS);
  const instruments = new Map<string, Observable>(
    entries
      .filter(([name]) => isName(name) && belongs(name))
      .map(([name, declaration]) => [name, declare(meter, name, declaration)]),
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

function declare(meter: Meter, name: string, [kind, description]: Declaration): Observable {
  return kind === 'counter'
    ? meter.createObservableCounter(name, { description })
    : meter.createObservableGauge(name, { description });
}

function isName(name: string): name is MetricName {
  return name in METRICS;
}
