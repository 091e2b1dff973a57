// Metrics and traces of a daemon: the OpenTelemetry SDK collects them, our HTTP app serves them as Prometheus text, and
// a collector gets them by OTLP where one is named.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { TocsinError } from '../../domain/core/errors.ts';
import {
  HEAD_INSTRUMENTS,
  PROCESS_INSTRUMENTS,
  prometheusName,
  INSTRUMENTS,
} from '../../domain/ports/instruments.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import type { PartStatus } from '../../kernel/processes/part-board.ts';
import type { ProjectorStatus } from '../../projections/publisher/status.ts';
import {
  observeDeliveries,
  observeParts,
  observeProjector,
  observeTogether,
  type DeliveryFacts,
} from './instruments.ts';
import { openTelemetry } from './open-telemetry.ts';
import { metricReader, tracerProvider, type OtlpSettings } from './otlp.ts';
import {
  api,
  MeterProvider,
  PrometheusExporter,
  PrometheusSerializer,
  resourceFromAttributes,
  type ResourceMetrics,
} from './sdk.ts';

/** Resolution of the event loop's delay: how often it is sampled. */
const SAMPLE_MS = 20;

const NANOSECONDS_PER_SECOND = 1e9;

/** What a daemon tells at each collection, besides what its parts report; absent facts have no metrics. */
export type DaemonFacts = {
  readonly projector?: (() => ProjectorStatus) | undefined;
  readonly head?: (() => HeadFacts) | undefined;
  readonly parts?: (() => readonly PartStatus[]) | undefined;
  readonly deliveries?: (() => DeliveryFacts) | undefined;
};

/** Of the log's head, in seconds. */
export type HeadFacts = {
  readonly position: number;
  readonly lag: number;
  readonly age: number;
};

export type DaemonTelemetry = {
  /** Where the parts report to. */
  readonly telemetry: Telemetry;
  readonly observe: (facts: DaemonFacts) => void;
  /** All metrics in Prometheus' text format. @throws TocsinError `internal` when a status cannot be read */
  readonly collect: () => Promise<string>;
  /** Hands the rest to the collector and ends sampling; collecting afterwards is a bug. */
  readonly close: () => Promise<void>;
};

/**
 * Opens the telemetry of a daemon.
 * @param otlp where a collector gets metrics and traces; without it there are no traces
 */
export function daemonTelemetry(service: string, otlp?: OtlpSettings): DaemonTelemetry {
  // Only its collecting half is used; its own HTTP server never starts.
  const reader = new PrometheusExporter({ preventServerStart: true });
  const resource = resourceFromAttributes({ 'service.name': service });
  const readers = otlp === undefined ? [reader] : [reader, metricReader(otlp)];
  const provider = new MeterProvider({ readers, resource });
  const traces = otlp && tracerProvider(otlp, resource);
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meter = provider.getMeter('tocsin');
  const delay = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  delay.enable();
  observeProcess(meter, delay);
  return {
    telemetry: openTelemetry(api, {
      meter,
      traces: traces !== undefined,
      ...(traces && { tracer: traces.getTracer('tocsin') }),
      ...(otlp && { traceRatio: otlp.traceRatio }),
    }),
    observe({ projector, head, parts, deliveries }) {
      if (projector !== undefined) observeProjector(meter, projector);
      if (head !== undefined) observeHead(meter, head);
      if (parts !== undefined) observeParts(meter, parts);
      if (deliveries !== undefined) observeDeliveries(meter, deliveries);
    },
    async collect() {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length === 0) return serializer.serialize(withPrometheusNames(resourceMetrics));
      const message = 'the metrics could not be collected';
      const hint = 'The projector’s status could not be read; its log says why.';
      throw new TocsinError('internal', 'metrics_unreadable', message, { hint, cause: errors[0] });
    },
    async close() {
      delay.disable();
      // A collector that is away must not keep the daemon from ending.
      await Promise.allSettled([provider.shutdown(), traces?.shutdown()]);
    },
  };
}

type DelayHistogram = ReturnType<typeof monitorEventLoopDelay>;

function observeProcess(meter: Meter, delay: DelayHistogram): void {
  observeTogether(meter, PROCESS_INSTRUMENTS, (observe) => {
    const { rss, heapUsed } = process.memoryUsage();
    observe('process.resident_memory', rss);
    observe('nodejs.heap.used', heapUsed);
    // Node measures from sample to sample: an idle loop shows the interval, not zero.
    const late = delay.percentile(99) / NANOSECONDS_PER_SECOND - SAMPLE_MS / 1000;
    observe('nodejs.eventloop.delay.p99', Math.max(0, late));
    delay.reset();
  });
}

function observeHead(meter: Meter, facts: () => HeadFacts): void {
  observeTogether(meter, HEAD_INSTRUMENTS, (observe) => {
    const { position, lag, age } = facts();
    observe('tocsin.head.position', position);
    observe('tocsin.head.lag', lag);
    observe('tocsin.head.age', age);
  });
}

/** Prometheus writes units into names; the serializer leaves names as they are. */
function withPrometheusNames(collected: ResourceMetrics): ResourceMetrics {
  const scopeMetrics = collected.scopeMetrics.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map((metric) => ({
      ...metric,
      descriptor: { ...metric.descriptor, name: textName(metric.descriptor.name), unit: '' },
    })),
  }));
  return { ...collected, scopeMetrics };
}

/** Without `_total`, which the serializer adds. */
function textName(name: string): string {
  const found = Object.entries(INSTRUMENTS).find(([known]) => known === name)?.[1];
  return found === undefined ? name : prometheusName(name, { ...found, kind: 'gauge' });
}
