// `Tombstone`: ends a stream permanently. The tombstone is an event of the stream and of the log. Afterwards the
// name cannot be used again, and only reads of the whole log return the events of the stream.
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { NO_STREAM, TOMBSTONE_TYPE } from '../common/revisions.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import type { AppendMessage } from './append-messages.ts';
import { WRITE_TIMEOUT_MS } from './limits.ts';
import { gathering } from './proposed.ts';
import {
  failedWrite,
  invalidArgument,
  Refusal,
  refusalOf,
  wrongExpectedVersion,
} from './refusal.ts';

/** A `TombstoneReq` has the options of an append in the same fields, and no events. */
export function tombstoneHandler(
  engine: EmbeddedEngine,
): (call: ServerUnaryCall<AppendMessage, Buffer>, done: sendUnaryData<Buffer>) => void {
  return (call, done) => {
    const request = requestOf(call.request);
    if (request instanceof Refusal) {
      done(request);
      return;
    }
    engine.append(request, WRITE_TIMEOUT_MS).then(
      (result) => {
        const answer = answerOf(request, result);
        if (answer instanceof Refusal) done(answer);
        else done(null, answer);
      },
      (error: unknown) => {
        done(refusalOf(error));
      },
    );
  };
}

function requestOf({ options }: AppendMessage): AppendRequest | Refusal {
  if (options === undefined) return invalidArgument('a tombstone needs options');
  const checked = gathering(options);
  if (checked instanceof Refusal) return checked;
  const { stream, expected } = checked;
  if (stream.startsWith('$$')) return invalidArgument(`${stream} is metadata: delete its stream`);
  return {
    stream,
    expected,
    isTombstone: true,
    events: [
      {
        id: crypto.randomUUID(),
        type: TOMBSTONE_TYPE,
        isJson: false,
        data: new Uint8Array(),
        metadata: '',
        bytes: TOMBSTONE_TYPE.length,
      },
    ],
  };
}

/** A `TombstoneResp`, or why the tombstone was not written. */
function answerOf({ stream, expected }: AppendRequest, result: AppendResult): Buffer | Refusal {
  return match(result)
    .with({ outcome: 'appended' }, ({ position: { commit, prepare } }) =>
      field(1, numberField(1, commit), numberField(2, prepare)),
    )
    .with({ outcome: 'conflict' }, ({ actual }) =>
      wrongExpectedVersion(stream, expected, actual === 'no_stream' ? NO_STREAM : actual),
    )
    .with({ outcome: 'refused' }, { outcome: 'unknown' }, (failed) => failedWrite(stream, failed))
    .exhaustive();
}
