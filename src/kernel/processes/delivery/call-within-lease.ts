// Calls a sender within the lease of the attempt: cuts the call off in time, and keeps a late outcome.
import type { Instant } from '../../../domain/core/instants.ts';
import { isOver } from '../../../domain/core/signals.ts';
import type { OutgoingMessage, SendOutcome } from '../../../domain/ports/sender.ts';
import type { OpenChannel } from './open-channel.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';

/** A call ends this long, in milliseconds, before its lease, so that its outcome is recorded in time. */
export const CUT_OFF_MS = 5_000;
/** A call that was cut off has this long, in milliseconds, to return its outcome. */
const RETURN_MS = 500;
/** A worker that stops waits this long, in milliseconds, for calls under way. */
const STOP_MS = 4_000;

export type CallOptions = Runtime & {
  readonly send: OpenChannel['send'];
  readonly message: OutgoingMessage;
  readonly leaseUntil: Instant;
  readonly signal: AbortSignal;
};

export type CallResult = {
  readonly outcome: SendOutcome;
  /** False: nothing was sent, and the outcome says nothing about the channel. */
  readonly wasMade: boolean;
  /** The outcome of a call that was cut off, if it still comes. */
  readonly late: Promise<SendOutcome> | undefined;
};

/** Makes the call. Never throws. */
export async function callWithinLease(options: CallOptions): Promise<CallResult> {
  const { send, message, leaseUntil, signal, now } = options;
  const timeMs = leaseUntil - CUT_OFF_MS - now();
  if (timeMs <= 0) {
    // The append took too long, or the process was suspended: no call may begin any more.
    const detail = 'the lease was nearly over before the call';
    const outcome = { outcome: 'transient', code: 'lease_used_up', detail } as const;
    return { outcome, wasMade: false, late: undefined };
  }
  const cut = new AbortController();
  const done = new AbortController();
  const sending = send(message, cut.signal).finally(() => {
    done.abort();
  });
  await options.pause(timeMs, AbortSignal.any([done.signal, signal]));
  if (!isOver(done.signal) && isOver(signal)) await options.pause(STOP_MS, done.signal);
  if (!isOver(done.signal)) {
    cut.abort();
    await options.pause(RETURN_MS, done.signal);
  }
  if (isOver(done.signal)) return { outcome: await sending, wasMade: true, late: undefined };
  const code = signal.aborted ? 'worker_stopped' : 'provider_timeout';
  const detail = 'the call was cut off before an answer came';
  return { outcome: { outcome: 'unknown', code, detail }, wasMade: true, late: sending };
}
