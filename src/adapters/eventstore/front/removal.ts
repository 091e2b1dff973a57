// `Delete` hides the events of a stream until it is written again; `Tombstone` ends it for ever, with an event. Both leave
// the events in the log.
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { AppendRequest } from '../common/append-request.ts';
import { DELETED_METADATA } from '../common/stream-metadata.ts';
import { TOMBSTONE_TYPE } from '../common/revisions.ts';
import { metadataEvent } from '../embedded/deleted-streams.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import { AppendFault } from './append-fault.ts';
import type { AppendMessage } from './append-messages.ts';
import { writeAndAnswer, type Answers } from './append.ts';
import type { FrontContext } from './context.ts';
import { gathering } from './proposed.ts';
import { Refusal, senseless, wrongExpectedVersion } from './refusal.ts';
import type { Like } from './server-version.ts';

type Removal = 'DeleteReq' | 'TombstoneReq';

/** Both requests have the options of an append in the same fields, and no events. */
export function removalHandler(context: FrontContext, of: Removal) {
  return (call: ServerUnaryCall<AppendMessage, Buffer>, done: sendUnaryData<Buffer>): void => {
    const request = requestOf(call.request, of, context.like);
    if (request instanceof Refusal) {
      done(request);
      return;
    }
    const { stream, expected } = request;
    const answers: Answers = {
      appended: (_revision, { commit, prepare }) =>
        field(1, numberField(1, commit), numberField(2, prepare)),
      conflict: (actual) => wrongExpectedVersion(stream, expected, actual),
    };
    writeAndAnswer(context, request, answers, done);
  };
}

function requestOf({ options }: AppendMessage, of: Removal, like: Like): AppendRequest | Refusal {
  if (options === undefined) return senseless(like, 'the options are missing');
  const checked = gathering(options, of);
  if (checked instanceof AppendFault) return checked.asStatus(like);
  const { stream, expected } = checked;
  if (of === 'DeleteReq') {
    return { stream, expected, isDelete: true, events: [metadataEvent(DELETED_METADATA)] };
  }
  const event = { type: TOMBSTONE_TYPE, isJson: false, data: new Uint8Array(), metadata: '' };
  const events = [{ id: crypto.randomUUID(), ...event, bytes: TOMBSTONE_TYPE.length }];
  return { stream, expected, isTombstone: true, events };
}
