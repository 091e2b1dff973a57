// Sends messages to one reader with backpressure: nothing is read for it while too many bytes are unsent.
import type { ServerWritableStream } from '@grpc/grpc-js';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { MAX_OUTGOING_BYTES } from './limits.ts';
import type { OutgoingBytes } from './outgoing-bytes.ts';
import type { Refusal } from './refusal.ts';
import { resetCall } from './reset-call.ts';
import type { Like } from './server-version.ts';

export type ReaderChannel = {
  /** Aborted when the reader has gone, or nothing more will be sent. */
  readonly signal: AbortSignal;
  /** Aborted when the call is over: the client has taken all of it, or has gone. */
  readonly over: AbortSignal;
  /** Sends a message. When it returns false, send nothing more before there is room. */
  readonly send: (message: Buffer) => boolean;
  /** Ask before reading from the store. */
  readonly hasRoom: () => boolean;
  /** Resolves when there is room, or the reader has gone. Let go of events before waiting: others may hold the room. */
  readonly ready: () => Promise<void>;
  readonly end: (error?: Refusal) => void;
};

export function readerChannel(
  call: ServerWritableStream<unknown, Buffer>,
  outgoing: OutgoingBytes,
  like: Like,
): ReaderChannel {
  const gone = new AbortController();
  const over = new AbortController();
  let unsent = 0;
  const changed = wakeSignal();
  // A page that began with room ends with it: reading the rest again would cost as much as the page.
  const full = like === undefined ? 2 * MAX_OUTGOING_BYTES : MAX_OUTGOING_BYTES;
  const leave = (): void => {
    gone.abort();
    changed.wake();
  };
  const share = outgoing.share(call.getPeer(), {
    wake: changed.wake,
    reset() {
      resetCall(call);
      finish();
    },
  });
  function finish(): void {
    leave();
    over.abort();
    share.leave();
  }
  // The callback of a write may never run once the client has dropped the call.
  call.once('cancelled', finish);
  call.once('close', finish);
  call.once('error', leave);
  if (call.cancelled) finish();
  const hasOwnRoom = (): boolean => unsent < MAX_OUTGOING_BYTES;
  const hasRoom = (): boolean => gone.signal.aborted || (hasOwnRoom() && share.hasRoom());
  return {
    signal: gone.signal,
    over: over.signal,
    send(message) {
      if (gone.signal.aborted) return true;
      // Not the message: gRPC has copied it by the time that it is sent.
      const { length } = message;
      unsent += length;
      share.add(length);
      call.write(message, () => {
        unsent -= length;
        share.sent(length);
        if (unsent < MAX_OUTGOING_BYTES / 2) changed.wake();
      });
      return unsent < full;
    },
    hasRoom,
    async ready() {
      while (!hasRoom()) {
        share.waits(hasOwnRoom());
        await changed.next();
      }
      share.waits(false);
    },
    end(error) {
      if (gone.signal.aborted) return;
      if (error === undefined) call.end();
      else call.emit('error', error);
      leave();
    },
  };
}
