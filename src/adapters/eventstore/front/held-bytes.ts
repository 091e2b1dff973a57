// The bytes of appends that were received and are not written yet, of one connection and in all. One call is bounded by
// itself; without this bound a client could open many.
import { status } from '@grpc/grpc-js';
import { MAX_HELD_BYTES } from './limits.ts';
import { Refusal } from './refusal.ts';

export type HeldBytes = {
  /**
   * @param connection the address of the client's end
   * @returns what to end the call with when too much is held; the bytes are counted then, too
   */
  readonly change: (connection: string, bytes: number) => Refusal | undefined;
};

export function heldBytes(): HeldBytes {
  const ofConnection = new Map<string, number>();
  let total = 0;
  return {
    change(connection, bytes) {
      total += bytes;
      const held = (ofConnection.get(connection) ?? 0) + bytes;
      if (held > 0) ofConnection.set(connection, held);
      else ofConnection.delete(connection);
      if (bytes <= 0) return undefined;
      if (held > MAX_HELD_BYTES.perConnection) {
        return full(MAX_HELD_BYTES.perConnection, ' of one connection');
      }
      return total > MAX_HELD_BYTES.inAll ? full(MAX_HELD_BYTES.inAll, '') : undefined;
    },
  };
}

function full(most: number, where: string): Refusal {
  const size = `${most / 1024 / 1024} MiB of appends${where}`;
  const details = `Tocsin's store holds ${size} that are not written: send less at once.`;
  return new Refusal(status.RESOURCE_EXHAUSTED, details);
}
