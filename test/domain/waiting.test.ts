// Backoff, and promises that are raced with a signal or a deadline.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { backoffCeilingMs, backoffMs } from '../../src/domain/core/backoff.ts';
import { unlessAborted } from '../../src/domain/core/signals.ts';
import { withDeadline } from '../../src/kernel/decider/runtime.ts';
import { virtualTime } from '../support/virtual-time.ts';

const never = (): Promise<never> => new Promise(() => undefined);

describe('backoffMs', () => {
  const backoff = { firstMs: 100, longestMs: 1_000 };

  it('doubles its ceiling with each failure, up to the longest', () => {
    const ceilings = [0, 1, 2, 3, 4, 5_000].map((n) => backoffCeilingMs(n, backoff));
    expect(ceilings).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('draws from zero to the ceiling', () => {
    expect(backoffMs(1, backoff, () => 0)).toBe(0);
    expect(backoffMs(1, backoff, () => 0.5)).toBe(100);
  });
});

describe('unlessAborted', () => {
  it('gives the result of the work and keeps no listener', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(1), signal, () => 2)).toBe(1);
    const failing = Promise.reject(new Error('failed'));
    await expect(unlessAborted(failing, signal, () => 2)).rejects.toThrow('failed');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('gives the result of onAbort after an abort, before and during the work', async () => {
    expect(await unlessAborted(never(), AbortSignal.abort(), () => 2)).toBe(2);
    const stop = new AbortController();
    const answer = unlessAborted(never(), stop.signal, () => 2);
    stop.abort();
    expect(await answer).toBe(2);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  it('throws the error of onAbort', async () => {
    const late = unlessAborted(never(), AbortSignal.abort(), () => {
      throw new Error('late');
    });
    await expect(late).rejects.toThrow('late');
  });
});

describe('withDeadline', () => {
  it('gives the result of the work and ends its pause', async () => {
    const time = virtualTime();
    expect(
      await withDeadline(
        time,
        1_000,
        () => Promise.resolve(1),
        () => 2,
      ),
    ).toBe(1);
    expect(time.waits()).toEqual([]);
  });

  it('raises the signal of the work at the deadline, and gives the result of onLate', async () => {
    const time = virtualTime();
    let given: AbortSignal | undefined;
    const work = (signal: AbortSignal): Promise<never> => {
      given = signal;
      return never();
    };
    const answer = withDeadline(time, 1_000, work, () => 2);
    expect(given?.aborted).toBe(false);
    time.advance(1_000);
    expect(await answer).toBe(2);
    expect(given?.aborted).toBe(true);
  });

  it('ends with onLate when it is stopped', async () => {
    const time = virtualTime();
    const stop = new AbortController();
    const answer = withDeadline(time, 1_000, never, () => 2, stop.signal);
    stop.abort();
    expect(await answer).toBe(2);
    expect(time.waits()).toEqual([]);
  });
});
