// An event store that reports its appends and subscriptions.
import type { EventStore, SubscribeOptions } from '../../domain/ports/event-store.ts';
import {
  childSpan,
  noTelemetry,
  traceparentOf,
  type Telemetry,
} from '../../domain/ports/telemetry.ts';

/** The store, with a report of its appends and subscriptions; give the result to kernel, projector and worker. */
export function observedStore<S extends EventStore>(store: S, telemetry: Telemetry): S {
  if (telemetry === noTelemetry) return store;
  return {
    ...store,
    async append(stream, expected, events, options) {
      const begun = performance.now();
      const parent = telemetry.traces ? traceparentOf(events[0]?.metadata ?? {}) : undefined;
      const span = childSpan(telemetry, 'tocsin.append', parent);
      // An error is misuse, such as a closed store.
      let outcome = 'failed';
      try {
        const result = await store.append(stream, expected, events, options);
        ({ outcome } = result);
        return result;
      } finally {
        telemetry.took('tocsin.append.duration', begun);
        telemetry.count('tocsin.appends', { outcome });
        span.end({
          attributes: { 'tocsin.outcome': outcome, 'tocsin.events': events.length },
          ...(outcome === 'appended' ? {} : { failed: outcome }),
        });
      }
    },
    subscribeAll: (options) => watched(store, options, telemetry),
  };
}

async function* watched(store: EventStore, options: SubscribeOptions, telemetry: Telemetry) {
  telemetry.count('tocsin.subscriptions');
  let isLost = false;
  for await (const page of store.subscribeAll(options)) {
    for (const { kind } of page) {
      if (kind === 'disconnected' && !isLost) telemetry.count('tocsin.subscription.losses');
      isLost = kind === 'disconnected';
    }
    yield page;
  }
}
