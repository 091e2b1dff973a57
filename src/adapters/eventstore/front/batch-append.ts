// `BatchAppend`: many appends over one stream of calls, each in one or more fragments, answered as they are written.
// Every correlation id gets exactly one answer: a second answer ends the official client's process.
import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { revisionNumber } from '../common/revisions.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import {
  badRequestError,
  batchFailure,
  batchSuccess,
  conflictError,
  streamDeletedError,
  TIMEOUT_ERROR,
  TOO_LARGE_ERROR,
  type BatchError,
} from './append-answers.ts';
import type { BatchFragment } from './append-messages.ts';
import {
  MAX_UNFINISHED_APPENDS,
  MAX_UNFINISHED_BYTES,
  MAX_UNWRITTEN_BYTES,
  WRITE_TIMEOUT_MS,
} from './limits.ts';
import { addProposed, gathering, type Gathering } from './proposed.ts';
import { Refusal, refusalOf, shuttingDown } from './refusal.ts';

/** An append whose last fragment has not arrived. */
type OpenAppend = {
  readonly correlationBytes: Buffer;
  /** For the answer; empty when the name was invalid. */
  readonly stream: string;
  readonly append: Gathering | undefined;
  readonly deadline: number;
  /** True after its answer; further fragments are ignored. */
  answered: boolean;
};

export function batchAppendHandler(engine: EmbeddedEngine, closing: AbortSignal) {
  return (call: ServerDuplexStream<BatchFragment, Buffer>): void => {
    const open = new Map<string, OpenAppend>();
    let unfinished = 0;
    let unwritten = 0;
    let writing = 0;
    let ended = false;

    const end = (error?: Refusal): void => {
      if (ended) return;
      ended = true;
      open.clear();
      if (error === undefined) call.end();
      else call.emit('error', error);
    };
    /** Ends the call after the answers of the appends that are being written. */
    const endIfIdle = (): void => {
      if (writing > 0) return;
      if (closing.aborted) end(shuttingDown());
      else if (call.readableEnded) end();
    };
    const pauseOrResume = (): void => {
      const full = unwritten > MAX_UNWRITTEN_BYTES || call.writableNeedDrain;
      if (full && !call.isPaused()) call.pause();
      if (!full && call.isPaused()) call.resume();
    };
    const send = (answer: Buffer): void => {
      if (!ended) call.write(answer);
      pauseOrResume();
    };
    const fail = (one: OpenAppend, error: BatchError): void => {
      one.answered = true;
      unfinished -= one.append?.bytes ?? 0;
      send(batchFailure(one, error));
    };

    const begin = (id: string, fragment: BatchFragment): OpenAppend => {
      const { options } = fragment;
      const started =
        options === undefined
          ? new Refusal(status.INVALID_ARGUMENT, 'the first fragment has no options')
          : gathering(options);
      const append = started instanceof Refusal ? undefined : started;
      const timeoutMs = Math.min(options?.deadlineMs ?? WRITE_TIMEOUT_MS, WRITE_TIMEOUT_MS);
      const one: OpenAppend = {
        // A copy: a view would keep the whole message in memory.
        correlationBytes: Buffer.from(fragment.correlationBytes),
        stream: append?.stream ?? '',
        append,
        deadline: performance.now() + timeoutMs,
        answered: false,
      };
      open.set(id, one);
      if (started instanceof Refusal) fail(one, badRequestError(started.details));
      return one;
    };

    const add = (
      one: OpenAppend,
      append: Gathering,
      fragment: BatchFragment,
    ): BatchError | undefined => {
      // The deadline is checked before the size: a timed out append is answered as such.
      if (performance.now() >= one.deadline) return TIMEOUT_ERROR;
      const before = append.bytes;
      let refused: Refusal | undefined;
      for (const event of fragment.events) refused ??= addProposed(append, event);
      unfinished += append.bytes - before;
      if (refused === undefined) return undefined;
      return refused.metadata.get('exception').includes('maximum-append-size-exceeded')
        ? TOO_LARGE_ERROR
        : badRequestError(refused.details);
    };

    const write = (one: OpenAppend, append: Gathering): void => {
      one.answered = true;
      unfinished -= append.bytes;
      unwritten += append.bytes;
      writing += 1;
      const finish = (answer: Buffer): void => {
        unwritten -= append.bytes;
        writing -= 1;
        send(answer);
        endIfIdle();
      };
      engine.append(append, one.deadline - performance.now()).then(
        (result) => {
          finish(answerOf(one, append, result));
        },
        (error: unknown) => {
          const { details } = refusalOf(error);
          finish(batchFailure(one, badRequestError(details, status.UNAVAILABLE)));
        },
      );
    };

    call.on('data', (fragment: BatchFragment) => {
      if (ended) return;
      const id = fragment.correlationId;
      if (id === undefined) {
        // An answer needs the id.
        end(new Refusal(status.INVALID_ARGUMENT, 'a correlation id is not a UUID'));
        return;
      }
      const one = open.get(id) ?? begin(id, fragment);
      if (!one.answered && one.append !== undefined) {
        const error = add(one, one.append, fragment);
        if (error !== undefined) fail(one, error);
        else if (fragment.isFinal) write(one, one.append);
      }
      if (fragment.isFinal) open.delete(id);
      if (unfinished > MAX_UNFINISHED_BYTES || open.size > MAX_UNFINISHED_APPENDS) {
        end(new Refusal(status.RESOURCE_EXHAUSTED, 'too many unfinished appends on one stream'));
        return;
      }
      pauseOrResume();
    });
    call.on('drain', pauseOrResume);
    call.on('end', endIfIdle);
    closing.addEventListener('abort', endIfIdle);
    const gone = (): void => {
      ended = true;
      open.clear();
      closing.removeEventListener('abort', endIfIdle);
    };
    call.on('cancelled', gone);
    call.on('error', gone);
    call.on('close', gone);
  };
}

function answerOf(one: OpenAppend, append: Gathering, result: AppendResult): Buffer {
  return match(result)
    .with({ outcome: 'appended' }, ({ revision, position }) =>
      batchSuccess(one, revision, append.events.length === 0 ? undefined : position),
    )
    .with({ outcome: 'conflict' }, ({ actual }) =>
      batchFailure(one, conflictError(append.expected, revisionNumber(actual))),
    )
    .with({ outcome: 'refused', reason: 'stream_deleted' }, () =>
      batchFailure(one, streamDeletedError(one.stream)),
    )
    .with({ outcome: 'refused', reason: 'storage_full' }, ({ message }) =>
      batchFailure(one, badRequestError(message, status.RESOURCE_EXHAUSTED)),
    )
    .with({ outcome: 'refused' }, ({ message }) => batchFailure(one, badRequestError(message)))
    .with({ outcome: 'unknown' }, () => batchFailure(one, TIMEOUT_ERROR))
    .exhaustive();
}
