// The way to one reader, as fast as it reads and no faster: nothing is encoded for a reader that has not
// taken what is already on its way.
import type { ServerWritableStream } from '@grpc/grpc-js';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { MAX_OUTGOING_BYTES } from './limits.ts';
import type { Refusal } from './refusal.ts';

export type Outlet = {
  /** Aborted when the reader has gone, or nothing more will be sent. */
  readonly signal: AbortSignal;
  /** Hands a message over; afterwards wait for {@link Outlet.ready} where it returns false. */
  readonly send: (message: Buffer) => boolean;
  /** Resolves when the reader has taken enough, or has gone. */
  readonly ready: () => Promise<void>;
  readonly end: (error?: Refusal) => void;
};

export function outlet(call: ServerWritableStream<unknown, Buffer>): Outlet {
  const gone = new AbortController();
  let outgoing = 0;
  const changed = wakeSignal();
  const leave = (): void => {
    gone.abort();
    changed.wake();
  };
  // A call that its client has dropped may never call a write back.
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
