// One call of a sender within its lease: cut off in time, and its outcome awaited even after that.
import type { Instant } from '../../../domain/core/instants.ts';
import { isOver } from '../../../domain/core/signals.ts';
import type {
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../../domain/ports/sender.ts';
import { callSender } from '../../channels/call-sender.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';

/** A call is over this long before its lease, so that its outcome is in the record in time. */
export const CUT_OFF_MS = 5_000;
/** What was cut off has this long to say how it ended. */
const LAST_WORD_MS = 500;
/** A worker that stops waits this long for calls under way. */
const STOP_MS = 4_000;

export type CallOptions = Runtime & {
  readonly send: Sender;
  readonly notice: OutgoingMessage;
  readonly target: ChannelTarget;
  readonly leaseUntil: Instant;
  /** The worker stops. */
  readonly signal: AbortSignal;
};

export type Called = {
  readonly outcome: SendOutcome;
  /** False: nothing was sent, and the outcome says nothing about the channel. */
  readonly wasMade: boolean;
  /** The call's own word, if it still comes. */
  readonly late: Promise<SendOutcome> | undefined;
};

/** Makes the call. Never throws. */
export async function callWithinLease(options: CallOptions): Promise<Called> {
  const { send, notice, target, leaseUntil, signal, now } = options;
  const timeMs = leaseUntil - CUT_OFF_MS - now();
  if (timeMs <= 0) {
    // The append took so long, or the process stood still: nothing was sent, and nothing will be.
    const detail = 'the lease was nearly over before the call';
    const outcome = { outcome: 'transient', code: 'lease_used_up', detail } as const;
    return { outcome, wasMade: false, late: undefined };
  }
  const cut = new AbortController();
  const done = new AbortController();
  const sending = callSender(send, notice, target, cut.signal).finally(() => {
    done.abort();
  });
  await options.pause(timeMs, AbortSignal.any([done.signal, signal]));
  if (!isOver(done.signal) && isOver(signal)) await options.pause(STOP_MS, done.signal);
  if (!isOver(done.signal)) {
    cut.abort();
    await options.pause(LAST_WORD_MS, done.signal);
  }
  if (isOver(done.signal)) return { outcome: await sending, wasMade: true, late: undefined };
  const code = signal.aborted ? 'worker_stopped' : 'provider_timeout';
  const detail = 'the call was cut off before an answer came';
  return { outcome: { outcome: 'unknown', code, detail }, wasMade: true, late: sending };
}
