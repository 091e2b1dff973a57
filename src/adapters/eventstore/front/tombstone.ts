// `Tombstone`: ends a stream permanently, with an event. Afterwards only reads of the whole log return its events.
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import type { AppendRequest } from '../common/append-request.ts';
import { TOMBSTONE_TYPE } from '../common/revisions.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import type { AppendMessage } from './append-messages.ts';
import { writeAndAnswer, type Answers } from './append.ts';
import { gathering } from './proposed.ts';
import { invalidArgument, Refusal, wrongExpectedVersion } from './refusal.ts';

/** A `TombstoneReq` has the options of an append in the same fields, and no events. */
export function tombstoneHandler(engine: EmbeddedEngine) {
  return (call: ServerUnaryCall<AppendMessage, Buffer>, done: sendUnaryData<Buffer>): void => {
    const request = requestOf(call.request);
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
    writeAndAnswer(engine, request, answers, done);
  };
}

function requestOf({ options }: AppendMessage): AppendRequest | Refusal {
  if (options === undefined) return invalidArgument('a tombstone needs options');
  const checked = gathering(options);
  if (checked instanceof Refusal) return checked;
  const { stream, expected } = checked;
  if (stream.startsWith('$$')) return invalidArgument(`${stream} is metadata: delete its stream`);
  const event = { type: TOMBSTONE_TYPE, isJson: false, data: new Uint8Array(), metadata: '' };
  const events = [{ id: crypto.randomUUID(), ...event, bytes: TOMBSTONE_TYPE.length }];
  return { stream, expected, isTombstone: true, events };
}
