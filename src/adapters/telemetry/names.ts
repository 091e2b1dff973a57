// Every metric of the daemon. Names are Prometheus' own, unit included; the serializer adds only `_total`.

/** `counter`: only up while the process lives; `gauge`: both ways. The help text describes the metric. */
export type Declaration = readonly [kind: 'counter' | 'gauge', help: string];

export const METRICS = {
  tocsin_running: [
    'gauge',
    '1 while the projector runs, 0 while it waits after a failure or is stopped',
  ],
  tocsin_active: ['gauge', '1 while this projector publishes, 0 while it is a standby'],
  tocsin_caught_up: ['gauge', '1 when everything in the log has been projected and committed'],

  tocsin_intake_position: ['gauge', 'Commit position of the last event that was folded'],
  tocsin_committed_position: ['gauge', 'Commit position up to which all effects are committed'],
  tocsin_output_sequence: ['gauge', 'Last sequence of the output stream that is committed'],
  tocsin_lag_events: ['gauge', 'Events that were folded but are not committed'],
  tocsin_lag_seconds: ['gauge', 'Age of the oldest event that is not committed'],
  tocsin_in_flight_messages: ['gauge', 'Messages that were sent and are not acknowledged'],
  tocsin_stalled_seconds: ['gauge', 'Time without progress although there is something to do'],

  tocsin_store_away_seconds: [
    'gauge',
    'For how long the event store has been away; 0 when it is not',
  ],

  tocsin_messages_sent: ['counter', 'Messages that this process has stored, by rule'],
  tocsin_events: ['counter', 'Events of the log that are committed'],
  tocsin_unknown_events: ['counter', 'Events of types that this version does not know'],
  tocsin_triggers_published: ['counter', 'Triggers of the log that were published'],
  tocsin_notifications_published: ['counter', 'Notification requests that were let through'],
  tocsin_notifications_suppressed: ['counter', 'Notification requests that were suppressed'],
  // Not a counter: an operator's decision takes a parked request out of it again.
  tocsin_notifications_withheld: ['gauge', 'Notification requests not let through, by reason'],
  tocsin_parked: ['gauge', 'Events that wait for an operator: see `tocsin park list`'],

  tocsin_epochs: ['counter', 'Epochs of this process; each failure begins a new one'],
  tocsin_foreign_messages: ['counter', 'Messages of others that were met in the output stream'],
  tocsin_resent_messages: ['counter', 'Messages that the output had lost and that were sent again'],

  tocsin_part_running: ['gauge', '1 while the part works, 0 while it waits or is stopped, by part'],
  tocsin_part_waiting_seconds: [
    'gauge',
    'For how long the part has waited for something that is away, by part; 0 when it does not',
  ],

  // Not a counter: a redrive takes a delivery out of it again.
  tocsin_deliveries_dead: [
    'gauge',
    'Deliveries of this worker that are dead, by channel and reason',
  ],

  process_resident_memory_bytes: ['gauge', 'Memory of the process that is in RAM'],
  nodejs_heap_used_bytes: ['gauge', 'Memory of the JavaScript heap that is in use'],
  nodejs_eventloop_delay_p99_seconds: [
    'gauge',
    'How late timers were, at the 99th percentile since the last collection',
  ],
} as const satisfies Record<string, Declaration>;

export type MetricName = keyof typeof METRICS;
