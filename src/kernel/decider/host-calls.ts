// Calls functions of the embedder. They may throw, hang or return anything; a call of Tocsin ends all the same.
import { TocsinError } from '../../domain/core/errors.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import { withDeadline } from './runtime.ts';

/** How long a function of the embedder may take that has no limit of its own, in milliseconds. */
export const HOST_CALL_MS = 10_000;

/**
 * What a function of the embedder gives, within its time. It gets a signal that is raised when nobody waits any more.
 *
 * @param call.what names the function in the error, such as `the lookup of the channel email`
 * @param call.stop ends the wait, such as the stop of a worker
 * @throws TocsinError `host_timeout` when it gives no answer in time
 * @throws unknown what the function throws, and the reason of `stop`
 */
export function callHost<T>(
  runtime: Pick<Runtime, 'pause'>,
  call: {
    readonly what: string;
    readonly ms?: number | undefined;
    readonly stop?: AbortSignal | undefined;
  },
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const { what, ms = HOST_CALL_MS, stop } = call;
  const onLate = (): never => {
    stop?.throwIfAborted();
    throw new TocsinError('usage', 'host_timeout', `${what} gave no answer within ${ms} ms`, {
      hint: 'Let the function return earlier, and let it end its work at the signal that it gets.',
    });
  };
  return withDeadline(runtime, ms, async (signal) => work(signal), onLate, stop);
}
