// Encodes the messages for readers other than events.
import { field, numberField } from '../wire/protobuf-writer.ts';

export function confirmationMessage(subscriptionId: string): Buffer {
  return field(2, field(1, subscriptionId));
}

export function checkpointMessage(position: number): Buffer {
  return field(3, numberField(1, position), numberField(2, position));
}

export function streamNotFoundMessage(stream: string): Buffer {
  return field(4, streamIdentifier(1, stream));
}

export const CAUGHT_UP_MESSAGE = field(8);

/** A stream's identifier as the field of a message. */
export function streamIdentifier(number: number, stream: string): Buffer {
  return field(number, field(3, stream));
}
