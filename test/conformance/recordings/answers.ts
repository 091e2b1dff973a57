// Answers to appends and removals as recordings describe them.
import { status, type Client, type StatusObject } from '@grpc/grpc-js';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import { describeStatus, openRead, type CallResult } from './calls.ts';
import { encodeRead, fieldsOf, ofAll, ofStream, type WirePlace } from './wire.ts';

/** How a recording says where a successful append was written. */
export type NamePosition = (place: WirePlace | undefined) => unknown;

const CLIENT_TYPES = 'type.googleapis.com/event_store.client.';

export function describeBatch(
  answer: BatchAppendResp | StatusObject | undefined,
  namePosition: NamePosition,
  withinMs: string,
): Record<string, unknown> {
  if (answer === undefined) return { noAnswerWithin: withinMs };
  if ('code' in answer) return { callEnded: describeStatus(answer), within: 'soon' };
  const success = answer.getSuccess();
  const error = answer.getError();
  const position = success?.getPosition();
  const place = position && {
    commit: BigInt(position.getCommitPosition()),
    prepare: BigInt(position.getPreparePosition()),
  };
  return {
    ...(success !== undefined && {
      success: {
        ...(success.hasNoStream()
          ? { noStream: true }
          : { revision: success.getCurrentRevision() }),
        position: namePosition(place),
      },
    }),
    ...(error !== undefined && {
      error: {
        code: status[error.getCode()],
        message: error.getMessage(),
        details: detailsOf(
          error.getDetails()?.getTypeUrl() ?? '',
          Buffer.from(error.getDetails()?.getValue_asU8() ?? []),
        ),
      },
    }),
    ...(!answer.hasStreamIdentifier() && { stream: 'left out' }),
    expected: 'left out',
    ...(answer.getCorrelationId()?.hasStructured() === true && { correlationIdIs: 'structured' }),
  };
}

function detailsOf(type: string, value: Buffer): unknown {
  const fields = fieldsOf(value);
  const text = (number: number): string => String(fields.get(number) ?? '');
  switch (type.replace(CLIENT_TYPES, '')) {
    case 'WrongExpectedVersion':
      return {
        type,
        current: fields.has(2) ? 'no_stream' : text(1),
        expected: fields.has(4)
          ? 'any'
          : fields.has(5)
            ? 'stream_exists'
            : fields.has(6)
              ? 'no_stream'
              : text(3),
      };
    case 'StreamDeleted': {
      const stream = fields.get(1);
      return { type, stream: stream instanceof Buffer ? String(fieldsOf(stream).get(3)) : '' };
    }
    case 'BadRequest':
      return { type, message: text(1) };
    case 'MaximumAppendSizeExceeded':
      return { type, max: Number(fields.get(1)) };
    default:
      return { type };
  }
}

const CONFLICT_FIELDS = new Map([
  [1, 'current_revision_20_6_0'],
  [2, 'no_stream_20_6_0'],
  [3, 'expected_revision_20_6_0'],
  [4, 'any_20_6_0'],
  [5, 'stream_exists_20_6_0'],
  [6, 'current_revision'],
  [7, 'current_no_stream'],
  [8, 'expected_revision'],
  [9, 'expected_any'],
  [10, 'expected_stream_exists'],
  [11, 'expected_no_stream'],
]);

/** The answer of Append. */
export function describeAppend(
  { bytes, status: ended }: CallResult,
  namePosition: NamePosition,
): Record<string, unknown> {
  if (bytes === undefined) return { status: describeStatus(ended) };
  const answer = fieldsOf(bytes);
  const success = answer.get(1);
  const conflict = answer.get(2);
  if (conflict instanceof Buffer) {
    const fields = [...fieldsOf(conflict)].map(([number, value]) => [
      `${number} ${CONFLICT_FIELDS.get(number)}`,
      typeof value === 'bigint' ? revisionText(number, value) : true,
    ]);
    return { wrongExpectedVersion: Object.fromEntries(fields) };
  }
  if (!(success instanceof Buffer)) return { answer: 'empty' };
  const fields = fieldsOf(success);
  const position = fields.get(3);
  return {
    success: {
      ...(fields.has(2) ? { noStream: true } : { revision: String(fields.get(1)) }),
      position: namePosition(position instanceof Buffer ? placeIn(position) : undefined),
    },
  };
}

export function placeIn(position: Buffer): WirePlace {
  const fields = fieldsOf(position);
  const part = (number: number): bigint => {
    const value = fields.get(number);
    return typeof value === 'bigint' ? value : 0n;
  };
  return { commit: part(1), prepare: part(2) };
}

/** The recorder read fields 1 and 3 as doubles. */
function revisionText(number: number, value: bigint): string {
  if (number > 3 || value < 2n ** 53n) return String(value);
  return `${value >= 2n ** 64n - 1024n ? '2^64-1' : '2^63-1'} (or near it)`;
}

/** The event that is exactly at a place. */
export async function eventAt(client: Client, place: WirePlace) {
  const read = openRead(client, encodeRead({ of: ofAll(place), count: 1n }));
  await read.until(() => false, 5_000);
  const found = read.messages[0]?.getEvent();
  return BigInt(found?.getCommitPosition() ?? -1) === place.commit ? found?.getEvent() : undefined;
}

/** How many events a reader of the stream sees, and the content type of the first. */
export async function eventsIn(client: Client, stream: string | Uint8Array) {
  const read = openRead(client, encodeRead({ of: ofStream(stream, 'start'), count: 10_000n }));
  await read.until(() => false, 20_000);
  const events = read.messages.filter((message) => message.hasEvent());
  const contentType = events[0]?.getEvent()?.getEvent()?.getMetadataMap().get('content-type');
  return { count: events.length, contentType };
}
