// Sends messages to one reader with backpressure: the sender waits while too many bytes are unsent.
import type { ServerWritableStream } from '@grpc/grpc-js';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { MAX_OUTGOING_BYTES } from './limits.ts';
import type { Refusal } from './refusal.ts';

export type ReaderChannel = {
  /** Aborted when the reader has gone, or nothing more will be sent. */
  readonly signal: AbortSignal;
  /** Sends a message. When it returns false, wait for {@link ReaderChannel.ready} first. */
  readonly send: (message: Buffer) => boolean;
  /** Resolves when enough bytes are sent, or the reader has gone. */
  readonly ready: () => Promise<void>;
  readonly end: (error?: Refusal) => void;
};

export function readerChannel(call: ServerWritableStream<unknown, Buffer>): ReaderChannel {
  const gone = new AbortController();
  let outgoing = 0;
  const changed = wakeSignal();
  const leave = (): void => {
    gone.abort();
    changed.wake();
  };
  // The callback of a write may never run once the client has dropped the call.
  call.once('cancelled', leave);
  call.once('close', leave);
  call.once('error', leave);
  if (call.cancelled) leave();
  const hasRoom = (): boolean => outgoing < MAX_OUTGOING_BYTES || gone.signal.aborted;
  return {
    signal: gone.signal,
    send(message) {
      if (gone.signal.aborted) return true;
      outgoing += message.length;
      call.write(message, () => {
        outgoing -= message.length;
        if (outgoing < MAX_OUTGOING_BYTES / 2) changed.wake();
      });
      return hasRoom();
    },
    async ready() {
      while (!hasRoom()) await changed.next();
    },
    end(error) {
      if (gone.signal.aborted) return;
      if (error === undefined) call.end();
      else call.emit('error', error);
      leave();
    },
  };
}
