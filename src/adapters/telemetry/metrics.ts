// The daemon's metrics as Prometheus text: the OpenTelemetry SDK collects and writes, our HTTP app serves.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { TocsinError } from '../../domain/core/errors.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';
import {
  observeDeliveries,
  observeParts,
  observeProjector,
  observeTogether,
  type DeadDeliveries,
} from './instruments.ts';
import type { MetricName } from './names.ts';
import { MeterProvider, PrometheusExporter, PrometheusSerializer } from './sdk.ts';

/** Resolution of the event loop's delay: how often it is sampled. */
const SAMPLE_MS = 20;

const NANOSECONDS_PER_SECOND = 1e9;

export type DaemonMetrics = {
  /** All metrics in Prometheus' text format. @throws TocsinError `internal` when the status cannot be read */
  readonly collect: () => Promise<string>;
  /** Ends sampling; collecting afterwards is a bug. */
  readonly close: () => Promise<void>;
};

/** Metrics of a daemon: those of its process, with `status` those of its projector, with `parts` those of its parts, and with `dead` those of its deliveries. */
export function daemonMetrics(
  status?: () => ProjectorStatus,
  parts?: () => readonly PartStatus[],
  dead?: DeadDeliveries,
): DaemonMetrics {
  // Only its collecting half is used; its own HTTP server never starts.
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [reader] });
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  if (status !== undefined) observeProjector(provider.getMeter('tocsin'), status);
  if (parts !== undefined) observeParts(provider.getMeter('tocsin.parts'), parts);
  if (dead !== undefined) observeDeliveries(provider.getMeter('tocsin.deliveries'), dead);
  observeProcess(provider.getMeter('tocsin.process'), delay);
  return {
    async collect() {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length === 0) return serializer.serialize(resourceMetrics);
      const message = 'the metrics could not be collected';
      const hint = 'The projector’s status could not be read; its log says why.';
      throw new TocsinError('internal', 'metrics_unreadable', message, { hint, cause: errors[0] });
    },
    async close() {
      delay.disable();
      await provider.shutdown();
    },
  };
}

type DelayHistogram = ReturnType<typeof monitorEventLoopDelay>;

function observeProcess(meter: Meter, delay: DelayHistogram): void {
  const isProcess = (name: MetricName): boolean => !name.startsWith('tocsin_');
  observeTogether(meter, isProcess, (observe) => {
    const { rss, heapUsed } = process.memoryUsage();
    observe('process_resident_memory_bytes', rss);
    observe('nodejs_heap_used_bytes', heapUsed);
    // Node measures from sample to sample: an idle loop shows the interval, not zero.
    const late = delay.percentile(99) / NANOSECONDS_PER_SECOND - SAMPLE_MS / 1000;
    observe('nodejs_eventloop_delay_p99_seconds', Math.max(0, late));
    delay.reset();
  });
}
