// `Tombstone`: ends a stream for ever. A real event says so, in the stream and in the log; after it the
// name cannot be used again, and what was in the stream is for readers of the whole log alone.
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { TombstoneReq, TombstoneResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { ANY_REVISION, NO_STREAM, STREAM_EXISTS, TOMBSTONE_TYPE } from '../common/revisions.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { WRITE_TIMEOUT_MS } from './limits.ts';
import { gathering } from './proposed.ts';
import {
  failedWrite,
  invalidArgument,
  Refusal,
  refusalOf,
  wrongExpectedVersion,
} from './refusal.ts';

export function tombstoneHandler(
  engine: EmbeddedEngine,
): (
  call: ServerUnaryCall<TombstoneReq, TombstoneResp>,
  done: sendUnaryData<TombstoneResp>,
) => void {
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

function requestOf(request: TombstoneReq): AppendRequest | Refusal {
  const options = request.getOptions();
  if (options === undefined) return invalidArgument('a tombstone needs options');
  const checked = gathering({
    stream: Buffer.from(options.getStreamIdentifier()?.getStreamName_asU8() ?? []),
    expected: expectedIn(options),
    deadlineMs: undefined,
  });
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

function expectedIn(options: TombstoneReq.Options): bigint | undefined {
  if (options.hasRevision()) return BigInt(options.getRevision());
  if (options.hasNoStream()) return NO_STREAM;
  if (options.hasStreamExists()) return STREAM_EXISTS;
  return options.hasAny() ? ANY_REVISION : undefined;
}

function answerOf(
  { stream, expected }: AppendRequest,
  result: AppendResult,
): TombstoneResp | Refusal {
  return match(result)
    .with({ outcome: 'appended' }, ({ position: { commit, prepare } }) => {
      const position = new streams.TombstoneResp.Position();
      position.setCommitPosition(String(commit));
      position.setPreparePosition(String(prepare));
      const answer = new streams.TombstoneResp();
      answer.setPosition(position);
      return answer;
    })
    .with({ outcome: 'conflict' }, ({ actual }) =>
      wrongExpectedVersion(stream, expected, actual === 'no_stream' ? NO_STREAM : actual),
    )
    .with({ outcome: 'refused' }, { outcome: 'unknown' }, (failed) => failedWrite(stream, failed))
    .exhaustive();
}
