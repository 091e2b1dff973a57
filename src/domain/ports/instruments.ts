// Every instrument of Tocsin, in one table: the code can use no other name, and docs/metrics.md lists these
// instruments. Names follow OpenTelemetry's conventions. Prometheus gets the same names with underscores, with the
// unit at the end, and with `_total` at the end of counters.

/**
 * `counter` only rises while the process lives, `gauge` is read when it is collected, `level` is the sum of what came and
 * went, and `histogram` has the distribution of durations.
 */
export type InstrumentKind = 'counter' | 'gauge' | 'level' | 'histogram';

export type Instrument = {
  readonly kind: InstrumentKind;
  /** Seconds, bytes, or a count of things. */
  readonly unit: 's' | 'By' | '';
  readonly help: string;
  /** The labels of each value; none when empty. */
  readonly labels: readonly string[];
};

const instrument =
  <K extends InstrumentKind>(kind: K) =>
  (help: string, labels: readonly string[] = [], unit: Instrument['unit'] = '') => ({
    kind,
    unit,
    help,
    labels,
  });
const counter = instrument('counter');
const gauge = instrument('gauge');
const level = instrument('level');
const seconds = (help: string, labels: readonly string[] = []) => gauge(help, labels, 's');
const duration = (help: string, labels: readonly string[] = []) =>
  instrument('histogram')(help, labels, 's');

/** Of a projector; read from its status. */
export const PROJECTOR_INSTRUMENTS = {
  'tocsin.running': gauge('1 while the projector runs, 0 while it waits or is stopped'),
  'tocsin.active': gauge('1 while this projector publishes, 0 while it is a standby'),
  'tocsin.caught_up': gauge('1 when everything in the log has been projected and committed'),
  'tocsin.intake.position': gauge('Commit position of the last event that was folded'),
  'tocsin.committed.position': gauge('Commit position up to which all effects are committed'),
  'tocsin.output.sequence': gauge('Last sequence of the output stream that is committed'),
  'tocsin.lag.events': gauge('Events that were folded but are not committed'),
  'tocsin.lag': seconds('Age of the oldest event that is not committed'),
  'tocsin.in_flight.messages': gauge('Messages that were sent and are not acknowledged'),
  'tocsin.stalled': seconds('Time without progress although there is something to do'),
  'tocsin.store.away': seconds('For how long the event store has been away; 0 when it is not'),
  'tocsin.messages.sent': counter('Messages that this process has stored', ['rule']),
  'tocsin.events': counter('Events of the log that are committed'),
  'tocsin.unknown.events': counter('Events of types that this version does not know'),
  'tocsin.triggers.published': counter('Triggers of the log that were published'),
  'tocsin.notifications.published': counter('Notification requests that were published'),
  'tocsin.notifications.suppressed': counter('Notification requests that were suppressed'),
  // Not a counter: an operator's decision takes a parked request out of it again.
  'tocsin.notifications.withheld': gauge('Notification requests that were not published', [
    'reason',
  ]),
  'tocsin.parked': gauge('Events that wait for an operator: see `tocsin park list`'),
  'tocsin.epochs': counter('Epochs of this process; each failure begins a new one'),
  'tocsin.foreign.messages': counter('Messages of others that were met in the output stream'),
  'tocsin.resent.messages': counter('Messages that the output had lost and that were sent again'),
} as const satisfies Record<string, Instrument>;

/** Of the log's head; read beside the subscription, so that they also tell while it is interrupted. */
export const HEAD_INSTRUMENTS = {
  'tocsin.head.position': gauge('Commit position of the last event of the log, as last read'),
  'tocsin.head.lag': seconds('For how long the log has had an event that is not committed'),
  'tocsin.head.age': seconds('Time since the head of the log was read'),
} as const satisfies Record<string, Instrument>;

/** Of the parts of a daemon. */
export const PART_INSTRUMENTS = {
  'tocsin.part.running': gauge('1 while the part works, 0 while it waits or is stopped', ['part']),
  'tocsin.part.waiting': seconds('For how long the part has waited for something; else 0', [
    'part',
  ]),
} as const satisfies Record<string, Instrument>;

/** Of a worker's list of deliveries. */
export const DELIVERY_INSTRUMENTS = {
  'tocsin.deliveries': gauge('Deliveries of this worker’s list', ['status']),
  // Not a counter: a redrive takes a delivery out of it again.
  'tocsin.deliveries.dead': gauge('Deliveries that are dead', ['channel', 'reason']),
  'tocsin.deliveries.oldest_waiting': seconds('Age of the oldest request that is not delivered'),
} as const satisfies Record<string, Instrument>;

/** Of the process. */
export const PROCESS_INSTRUMENTS = {
  'process.resident_memory': gauge('Memory of the process that is in RAM', [], 'By'),
  'nodejs.heap.used': gauge('Memory of the JavaScript heap that is in use', [], 'By'),
  'nodejs.eventloop.delay.p99': seconds(
    'How late timers were, at the 99th percentile since the last collection',
  ),
} as const satisfies Record<string, Instrument>;

/** What the parts report while they work. */
export const REPORTED_INSTRUMENTS = {
  'tocsin.raises': counter('Raises that were answered', ['outcome']),
  'tocsin.raise.duration': duration('Time from a raise to its answer'),
  'tocsin.relay.requests': counter('Requests of the host that a relay has settled or tried', [
    'outcome',
  ]),

  'tocsin.appends': counter('Appends to the event store', ['outcome']),
  'tocsin.append.duration': duration('Time from an append to its answer'),
  'tocsin.subscriptions': counter('Subscriptions to the log that were begun'),
  'tocsin.subscription.losses': counter('Connections of subscriptions that were lost'),

  'tocsin.intake.messages': counter('Messages of the queue that were taken in', ['outcome']),
  'tocsin.attempts': counter('Calls of channels', ['channel', 'outcome']),
  'tocsin.attempt.duration': duration('Time from a call of a channel to its outcome'),
  'tocsin.deliveries.changed': counter('Deliveries that this process has brought to a status', [
    'channel',
    'status',
  ]),
  'tocsin.calls.in_flight': gauge('Calls of channels under way'),
  'tocsin.breakers.open': gauge('Addresses that get no calls, as the last ones failed'),

  'tocsin.due.handled': counter('Due rows that a process has handled', ['process', 'outcome']),
  'tocsin.due.rows': gauge('Rows that wait for their time or to be handled', ['process']),
  'tocsin.task.updates': counter('Changes of tasks that were written to due jobs', ['outcome']),

  'tocsin.notary.heads': counter('Tree heads that this process has signed'),
  'tocsin.notary.failures': counter('Times that a receiver of tree heads did not take one', [
    'receiver',
  ]),
  'tocsin.notary.unsigned': gauge('Events that the notary has read and not signed a head of'),
  'tocsin.notary.head_age': seconds('Time since the last tree head was signed'),

  // Named by OpenTelemetry's conventions for HTTP.
  'http.server.request.duration': duration('Time from a request to its answer', [
    'http.request.method',
    'http.route',
    'http.response.status_code',
  ]),

  'tocsin.front.connections': level('Connections of clients to the store'),
  'tocsin.front.appends': counter('Appends of clients to the store', ['outcome']),
  'tocsin.front.subscriptions': level('Subscriptions of clients to the store'),
} as const satisfies Record<string, Instrument>;

export const INSTRUMENTS = {
  ...PROJECTOR_INSTRUMENTS,
  ...HEAD_INSTRUMENTS,
  ...PART_INSTRUMENTS,
  ...DELIVERY_INSTRUMENTS,
  ...REPORTED_INSTRUMENTS,
  ...PROCESS_INSTRUMENTS,
} as const satisfies Record<string, Instrument>;

type Reported = typeof REPORTED_INSTRUMENTS;
type OfKind<K extends InstrumentKind> = {
  [Name in keyof Reported]: Reported[Name] extends { readonly kind: K } ? Name : never;
}[keyof Reported];

/** What is counted; a `level` also down. */
export type CounterName = OfKind<'counter' | 'level'>;
export type HistogramName = OfKind<'histogram'>;
/** What is read when it is collected. */
export type GaugeName = OfKind<'gauge'>;

/** The name of an instrument as Prometheus has it. */
export function prometheusName(name: string, { kind, unit }: Pick<Instrument, 'kind' | 'unit'>) {
  const base = name.replaceAll(/[^a-zA-Z0-9_]/g, '_');
  const suffix = { s: '_seconds', By: '_bytes', '': '' }[unit];
  return `${base}${suffix}${kind === 'counter' ? '_total' : ''}`;
}

/** The spans of a trace, from the raise to the call of a channel. */
export const SPANS = {
  'tocsin.raise': 'A raise, from its input to its answer',
  'tocsin.append': 'An append to the event store',
  'tocsin.fold': 'The verdict about a request, from its page to the message',
  'tocsin.publish': 'A message, until the output stream has it',
  'tocsin.intake': 'A request, until its delivery is recorded',
  'tocsin.attempt': 'An attempt: its fence, the call of the channel, and its outcome',
  'tocsin.request': 'A request to the HTTP API',
} as const satisfies Record<string, string>;

export type SpanName = keyof typeof SPANS;
