// An append as messages of the protocol, and the server's answer to it as the port has it.
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { Status } from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type {
  BatchAppendReq,
  BatchAppendResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import emptyMessages from 'google-protobuf/google/protobuf/empty_pb.js';
import { START_POSITION } from '../../../domain/core/positions.ts';
import type { AppendResult, ExpectedRevision } from '../../../domain/ports/event-store.ts';
import type { AppendRequest, EncodedEvent } from '../common/append-request.ts';
import { NO_STREAM } from '../common/revisions.ts';
import { positionFrom } from './recorded.ts';

/** Servers take messages of 4 MiB at least; an append of many small events is sent in parts. */
const PART_BYTES = 1024 * 1024;

/** What an event takes in a message beside its own bytes: id, names of facts, tags. */
const EVENT_OVERHEAD_BYTES = 128;

/** Of the codes of `google.rpc.Status`, the one that a repeat does not change. */
const INVALID_ARGUMENT = 3;

const MAX_REVISION = 2n ** 63n - 1n;

/**
 * The messages of one append, in order. No deadline goes with them: it would be a time of day, and a
 * server whose clock is ahead refuses what it could have written. Servers have a limit of their own.
 */
export function appendMessages(correlationId: string, request: AppendRequest): BatchAppendReq[] {
  const id = new shared.UUID();
  id.setString(correlationId);
  let part = new streams.BatchAppendReq();
  part.setCorrelationId(id);
  part.setOptions(optionsOf(request));
  const parts = [part];
  let bytes = 0;
  for (const event of request.events) {
    const size = event.bytes + EVENT_OVERHEAD_BYTES;
    if (bytes > 0 && bytes + size > PART_BYTES) {
      part = new streams.BatchAppendReq();
      part.setCorrelationId(id);
      parts.push(part);
      bytes = 0;
    }
    part.addProposedMessages(proposed(event));
    bytes += size;
  }
  part.setIsFinal(true);
  return parts;
}

function optionsOf({
  stream,
  expected,
}: AppendRequest): InstanceType<typeof streams.BatchAppendReq.Options> {
  const name = new shared.StreamIdentifier();
  name.setStreamName(Buffer.from(stream));
  const options = new streams.BatchAppendReq.Options();
  options.setStreamIdentifier(name);
  if (expected === NO_STREAM) options.setNoStream(new emptyMessages.Empty());
  else options.setStreamPosition(String(expected));
  return options;
}

function proposed(
  event: EncodedEvent,
): InstanceType<typeof streams.BatchAppendReq.ProposedMessage> {
  const id = new shared.UUID();
  id.setString(event.id);
  const message = new streams.BatchAppendReq.ProposedMessage();
  message.setId(id);
  const facts = message.getMetadataMap();
  facts.set('type', event.type);
  facts.set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  message.setData(Buffer.from(event.data));
  message.setCustomMetadata(Buffer.from(event.metadata));
  return message;
}

/** A server's answer: final, or an append that was a repeat of one whose place it does not tell. */
export type Answer = AppendResult | { readonly outcome: 'placeless'; readonly revision: bigint };

export function answerOf(request: AppendRequest, reply: BatchAppendResp): Answer {
  const success = reply.getSuccess();
  if (success === undefined) return refusalOf(reply.getError());
  const revision = success.hasNoStream() ? NO_STREAM : BigInt(success.getCurrentRevision());
  // Nothing was written, so there is no place of its own.
  if (request.events.length === 0)
    return { outcome: 'appended', revision, position: START_POSITION };
  const place = success.getPosition();
  const position = place && positionFrom(place.getCommitPosition(), place.getPreparePosition());
  return position === undefined
    ? { outcome: 'placeless', revision }
    : { outcome: 'appended', revision, position };
}

function refusalOf(error: Status | undefined): AppendResult {
  const code: number | undefined = error?.getCode();
  const details = error?.getDetails();
  const message = error?.getMessage() ?? 'the answer is neither a success nor an error';
  switch (details?.getTypeName()) {
    case 'event_store.client.WrongExpectedVersion': {
      const bytes = details.getValue_asU8();
      const actual = actualOf(shared.WrongExpectedVersion.deserializeBinary(bytes));
      return { outcome: 'conflict', actual };
    }
    case 'event_store.client.StreamDeleted':
      return { outcome: 'refused', reason: 'stream_deleted', message };
    case 'event_store.client.AccessDenied':
      return { outcome: 'refused', reason: 'access_denied', message };
    case 'event_store.client.MaximumAppendSizeExceeded':
    case 'event_store.client.MaximumAppendEventSizeExceeded':
      return { outcome: 'refused', reason: 'too_large', message };
    case 'event_store.client.BadRequest':
      return { outcome: 'refused', reason: 'invalid_argument', message };
    default:
      // Timeouts, a server that is not ready, and whatever later servers have to say.
      return code === INVALID_ARGUMENT
        ? { outcome: 'refused', reason: 'invalid_argument', message }
        : { outcome: 'unknown', message: `the event store answered: ${message}` };
  }
}

function actualOf(found: InstanceType<typeof shared.WrongExpectedVersion>): ExpectedRevision {
  if (!found.hasCurrentStreamRevision()) return 'no_stream';
  const revision = BigInt(found.getCurrentStreamRevision());
  return revision > MAX_REVISION ? 'no_stream' : revision;
}
