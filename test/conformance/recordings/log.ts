// Names the events and places of a log as recordings do: by number, in the order of `$all`.
import type { Client } from '@grpc/grpc-js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { describeStatus, openRead } from './calls.ts';
import { encodeRead, ofAll, type WirePlace } from './wire.ts';

export type NamedLog = {
  /** The commit position of an event's number. */
  readonly placeOf: (event: number) => bigint;
  readonly last: number;
  readonly nameOf: (place: WirePlace) => unknown;
  readonly describe: (message: ReadResp) => unknown;
};

const NUMBERS = new Map([
  [0n, '0'],
  [2n ** 64n - 1n, '2^64-1'],
]);

/** @param hidden places of records that `$all` does not show, and their names */
export async function namedLog(
  client: Client,
  hidden: ReadonlyMap<bigint, string> = new Map(),
): Promise<NamedLog> {
  const read = openRead(client, encodeRead({ of: ofAll('start'), count: 1_000_000n }));
  await read.until(() => false, 60_000);
  const places = read.messages.map((message) =>
    BigInt(message.getEvent()?.getCommitPosition() ?? 0),
  );
  const ids = new Map(
    read.messages.map((message, n) => [
      message.getEvent()?.getEvent()?.getId()?.getString() ?? '',
      n,
    ]),
  );
  const numbers = new Map(places.map((place, n) => [place, n]));
  const part = (place: bigint): Record<string, unknown> => {
    const known = NUMBERS.get(place);
    if (known !== undefined) return { none: known };
    const event = numbers.get(place);
    if (event !== undefined) return { event };
    const name = hidden.get(place);
    return {
      after: places.findLastIndex((one) => one < place),
      ...(name !== undefined && { hidden: name }),
    };
  };
  const nameOf = ({ commit, prepare }: WirePlace): unknown =>
    commit === prepare ? part(commit) : { ...part(commit), prepare: part(prepare) };
  return {
    placeOf(event) {
      const place = places[event];
      if (place === undefined) throw new Error(`the log has no event ${event}`);
      return place;
    },
    last: places.length - 1,
    nameOf,
    describe(message) {
      if (message.hasConfirmation()) return 'confirmed';
      if (message.hasCaughtUp()) return 'caughtUp';
      if (message.hasFellBehind()) return 'fellBehind';
      if (message.hasStreamNotFound()) return 'streamNotFound';
      const checkpoint = message.getCheckpoint();
      if (checkpoint !== undefined) {
        const commit = BigInt(checkpoint.getCommitPosition());
        return { checkpoint: nameOf({ commit, prepare: BigInt(checkpoint.getPreparePosition()) }) };
      }
      const event = message.getEvent()?.getEvent();
      return { event: ids.get(event?.getId()?.getString() ?? '') };
    },
  };
}

/** What a read or subscription gave, as recordings have it. */
export function describeRead(
  log: NamedLog,
  read: ReturnType<typeof openRead>,
  stillRunning?: string,
): { readonly messages: readonly unknown[]; readonly end?: unknown } {
  const end = read.end();
  return {
    messages: read.messages.map(log.describe),
    ...(end === undefined
      ? stillRunning !== undefined && { end: { stillRunningAfter: stillRunning } }
      : { end: describeStatus(end) }),
  };
}
