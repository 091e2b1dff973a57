// One trace from the raise to the call of the webhook, as a collector gets it by OTLP.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { daemonTelemetry } from '../../src/adapters/telemetry/daemon-telemetry.ts';
import { SPANS } from '../../src/domain/ports/instruments.ts';
import { channelSender } from '../../src/delivery.ts';
import { openTocsin, type Tocsin } from '../../src/index.ts';
import { scheduleProduct } from '../../src/schedule.ts';
import { answering, receiver, SECRET, type Received } from '../adapters/senders.support.ts';
import { until } from '../support/until.ts';
import { memoryVault } from '../support/vault.ts';

const TraceSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({
        attributes: z.array(z.object({ key: z.string(), value: z.unknown() })),
      }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              name: z.string(),
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
});

const TRACE = 'a'.repeat(31) + '1';
const CALLER = 'b'.repeat(15) + '2';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-traces-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const spansOf = (received: readonly Received[]) =>
  received
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => TraceSchema.parse(JSON.parse(body)).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));

test('a collector sees one trace from the request of the API to the webhook, also for the caller’s context', async () => {
  await using collector = await receiver(answering(200, {}));
  await using webhook = await receiver(answering(200, {}));
  const telemetry = daemonTelemetry('tocsin-test', {
    endpoint: collector.origin,
    traceRatio: 0,
    spansEveryMs: 20,
    metricsEveryMs: 50,
  });
  const addresses = { ports: [], privateTargets: true, standIn: webhook.origin };
  await using tocsin: Tocsin = await openTocsin({
    ...scheduleProduct,
    folder,
    addresses,
    channel: 'webhook',
    telemetry: telemetry.telemetry,
    vault: memoryVault(),
    send: channelSender({ addresses }),
  });
  const running = tocsin.run(new AbortController().signal);
  const channel = { userId: '1', channel: 'webhook' } as const;
  await tocsin.channels.put({ ...channel, url: `${webhook.origin}/hook`, secret: SECRET });
  const created = await tocsin.tokens.create({ scopes: ['trigger:raise'], name: 'test' });
  if (created.outcome !== 'created') throw new Error(created.message);
  const answer = await tocsin.fetch(
    new Request('http://local/api/v1/active-schedule/trigger', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${created.token}`,
        'tocsin-user': '1',
        'content-type': 'application/json',
        traceparent: `00-${TRACE}-${CALLER}-01`,
      },
      body: JSON.stringify({
        trigger_type: 'important_urgent_task',
        target_type: 'task_pool',
        target_id: 7,
      }),
    }),
  );
  expect(answer.status).toBe(201);
  await until('the webhook is called', () => webhook.received.length === 1);
  const steps = Object.keys(SPANS);
  const spans = await until('the collector has every step', () => {
    const found = spansOf(collector.received);
    return steps.every((step) => found.some(({ name }) => name === step)) && found;
  });
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  const ids = new Map(spans.map((span) => [span.spanId, span]));
  const pathOf = (name: string): readonly string[] => {
    const path: string[] = [];
    let at = spans.find((span) => span.name === name);
    for (; at !== undefined; at = ids.get(at.parentSpanId ?? '')) path.unshift(at.name);
    return path;
  };
  expect(pathOf('tocsin.attempt')).toEqual(['tocsin.request', 'tocsin.raise', 'tocsin.attempt']);
  expect(pathOf('tocsin.publish').at(-2)).toBe('tocsin.raise');
  const first = spans.find(({ name }) => name === 'tocsin.request');
  expect(first?.parentSpanId).toBe(CALLER);
  const attempt = spans.find(({ name }) => name === 'tocsin.attempt');
  expect(webhook.received[0]?.headers['traceparent']).toBe(`00-${TRACE}-${attempt?.spanId}-01`);
  await until('the collector has metrics', () =>
    collector.received.some(
      ({ path, body }) => path === '/v1/metrics' && body.includes('tocsin.raises'),
    ),
  );
  await tocsin.close();
  await running;
  await telemetry.close();
});
