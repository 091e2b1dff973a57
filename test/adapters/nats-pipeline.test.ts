import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pipeline } from '../../src/adapters/nats/pipeline.ts';
import type { OutputFailure } from '../../src/projections/output.ts';
import { failureOf, listMessages } from '../../src/facade/contracts/output.ts';

function open({ bytes = 1_000, stallAfterMs = 5_000 } = {}) {
  const sent: number[] = [];
  const failures: OutputFailure[] = [];
  const pipeline = new Pipeline(
    {
      send: (_, sequence) => {
        sent.push(sequence);
        return bytes;
      },
      sendFailure: (cause) => ({ kind: 'rejected', message: String(cause) }),
      onFailure: (failure) => failures.push(failure),
    },
    stallAfterMs,
  );
  const acknowledgeTo = (last: number) => {
    for (let n = pipeline.acked + 1; n <= last; n++) pipeline.acknowledge(n);
  };
  return { pipeline, sent, failures, acknowledgeTo };
}

describe('Pipeline', () => {
  test('lets other work run between the parts of a large call', async () => {
    const { pipeline, sent } = open({ bytes: 100 });
    void pipeline.publish(1n, listMessages(1, 5_000));
    expect(sent.length).toBeLessThanOrEqual(1_024);
    await turn();
    expect(sent.length).toBeGreaterThan(1_024);
    expect(sent.length).toBeLessThanOrEqual(2_048);
    pipeline.fail({ kind: 'unavailable', message: 'end' });
  });

  test('limits unacknowledged messages and bytes', async () => {
    for (const [bytes, limit] of [
      [100, 8_192],
      [64 * 1024, 128],
    ] as const) {
      const { pipeline, sent, acknowledgeTo } = open({ bytes });
      const call = pipeline.publish(1n, listMessages(1, 20_000));
      for (let i = 0; i < 50; i++) await turn();
      expect(sent.length).toBeLessThanOrEqual(limit);
      expect(sent.length).toBeGreaterThan(limit / 2);
      for (let i = 0; pipeline.acked < 20_000 && i < 1_000; i++) {
        acknowledgeTo(sent.length);
        await turn();
      }
      await call;
      expect(sent).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));
    }
  });

  test('sends calls in order, also while an earlier call waits', async () => {
    const { pipeline, sent, acknowledgeTo } = open({ bytes: 100 });
    const calls = [pipeline.publish(1n, listMessages(1, 3_000))];
    calls.push(pipeline.publish(3_001n, listMessages(3_001, 3_010)));
    while (sent.length < 3_010) await turn();
    expect(sent).toEqual(Array.from({ length: 3_010 }, (_, i) => i + 1));
    acknowledgeTo(3_010);
    await Promise.all(calls);
  });

  test('ends at an ack for a message that it has not sent', async () => {
    const { pipeline, failures } = open({ bytes: 100 });
    const call = pipeline.publish(1n, listMessages(1, 2));
    pipeline.acknowledge(3);
    const failure = { kind: 'unavailable', message: 'an ack came for 3, which was not sent' };
    expect(failures).toEqual([failure]);
    expect(await failureOf(call)).toEqual(failure);
  });

  test('sends nothing after its end', async () => {
    const { pipeline, sent, failures } = open({ bytes: 100 });
    const call = pipeline.publish(1n, listMessages(1, 5_000));
    const before = sent.length;
    pipeline.fail({ kind: 'unavailable', message: 'end' });
    pipeline.fail({ kind: 'fenced', message: 'later' });
    await turn();
    await turn();
    expect(sent.length).toBe(before);
    expect(failures).toEqual([{ kind: 'unavailable', message: 'end' }]);
    expect(await failureOf(call)).toEqual({ kind: 'unavailable', message: 'end' });
    pipeline.acknowledge(1);
    expect(pipeline.acked).toBe(0);
  });
});

describe('Pipeline without acks', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('ends after the stall time since the last ack', async () => {
    const { pipeline, acknowledgeTo, failures } = open();
    const call = pipeline.publish(1n, listMessages(1, 10));
    vi.advanceTimersByTime(4_900);
    acknowledgeTo(5);
    vi.advanceTimersByTime(4_900);
    acknowledgeTo(6);
    vi.advanceTimersByTime(4_900);
    expect(failures).toEqual([]);
    vi.advanceTimersByTime(700);
    expect(failures).toEqual([{ kind: 'unavailable', message: 'no ack after 6 for 5000 ms' }]);
    expect(await failureOf(call)).toMatchObject({ kind: 'unavailable' });
  });

  test('does not end while no ack is due', async () => {
    const { pipeline, acknowledgeTo, failures } = open();
    const call = pipeline.publish(1n, listMessages(1, 3));
    acknowledgeTo(3);
    await call;
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(failures).toEqual([]);
    void pipeline.publish(4n, listMessages(4, 4));
    vi.advanceTimersByTime(4_900);
    expect(failures).toEqual([]);
    pipeline.fail({ kind: 'unavailable', message: 'end' });
    expect(vi.getTimerCount()).toBe(0);
  });
});
