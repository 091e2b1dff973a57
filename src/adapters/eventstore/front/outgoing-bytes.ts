// The unsent bytes of all readers. What a reader has not taken stays in memory. Where too much is unsent, nothing more is
// read for anybody from the store until readers take bytes. Readers that have taken nothing for long are ended then, so
// that they cannot hold up the others for ever.
import type { OutgoingLimits } from './limits.ts';

/** A reader, as the one who counts its bytes sees it. */
export type CountedReader = {
  /** There may be room again. */
  readonly wake: () => void;
  /** Drops the call and all bytes that it holds. */
  readonly reset: () => void;
};

/** What one reader has of the bytes. */
export type OutgoingShare = {
  /** True while its connection and all readers together are below their bounds. */
  readonly hasRoom: () => boolean;
  readonly add: (bytes: number) => void;
  readonly sent: (bytes: number) => void;
  /** Says whether the reader waits for room that others hold. */
  readonly waits: (isWaiting: boolean) => void;
  /** The call has ended, and holds nothing any more. */
  readonly leave: () => void;
};

export type OutgoingBytes = {
  /** @param connection the address of the client's end */
  readonly share: (connection: string, reader: CountedReader) => OutgoingShare;
};

/** A reader that was ended because it took nothing. */
export type EndedReader = { readonly connection: string; readonly bytes: number };

type Counted = CountedReader & {
  readonly connection: string;
  held: number;
  /** When it last took something, or began to hold something. */
  movedAt: number;
  isWaiting: boolean;
};

/** @param onEnded called for each reader that was ended */
export function outgoingBytes(
  { perConnection, inAll, stalledMs }: OutgoingLimits,
  onEnded: (ended: EndedReader) => void,
): OutgoingBytes {
  const readers = new Set<Counted>();
  const ofConnection = new Map<string, number>();
  let total = 0;
  let timer: NodeJS.Timeout | undefined;

  const hasRoom = ({ connection }: Counted): boolean =>
    total < inAll && (ofConnection.get(connection) ?? 0) < perConnection;
  const change = (reader: Counted, bytes: number): void => {
    reader.held += bytes;
    total += bytes;
    const left = (ofConnection.get(reader.connection) ?? 0) + bytes;
    if (left > 0) ofConnection.set(reader.connection, left);
    else ofConnection.delete(reader.connection);
    if (bytes >= 0) return;
    for (const other of readers) if (other.isWaiting && hasRoom(other)) other.wake();
  };
  const leave = (reader: Counted): void => {
    if (!readers.delete(reader)) return;
    change(reader, -reader.held);
  };

  /** Ends those that have taken nothing for long and hold what others wait for. */
  const endStalled = (): void => {
    const before = performance.now() - stalledMs;
    const waiting = Array.from(readers).filter((reader) => reader.isWaiting && !hasRoom(reader));
    const isInTheWay = ({ connection }: Counted): boolean =>
      waiting.some((other) => total >= inAll || other.connection === connection);
    const stalled = Array.from(readers).filter(
      (reader) => reader.held > 0 && reader.movedAt <= before && isInTheWay(reader),
    );
    for (const reader of stalled) {
      const { connection, held: bytes } = reader;
      leave(reader);
      reader.reset();
      onEnded({ connection, bytes });
    }
  };
  const watch = (): void => {
    timer ??= setInterval(() => {
      endStalled();
      if (Array.from(readers).some(({ isWaiting }) => isWaiting)) return;
      clearInterval(timer);
      timer = undefined;
    }, stalledMs / 4).unref();
  };

  return {
    share(connection, { wake, reset }) {
      const reader: Counted = { connection, wake, reset, held: 0, movedAt: 0, isWaiting: false };
      readers.add(reader);
      return {
        hasRoom: () => hasRoom(reader),
        add(bytes) {
          if (!readers.has(reader)) return;
          if (reader.held === 0) reader.movedAt = performance.now();
          change(reader, bytes);
        },
        sent(bytes) {
          if (!readers.has(reader)) return;
          reader.movedAt = performance.now();
          change(reader, -bytes);
        },
        waits(isWaiting) {
          reader.isWaiting = isWaiting;
          if (isWaiting) watch();
        },
        leave() {
          leave(reader);
        },
      };
    },
  };
}
