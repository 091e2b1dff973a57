// `BatchAppend`: many appends over one stream of calls, each in one or more fragments, answered as they are written.
// Every correlation id gets exactly one answer: a second answer ends the official client's process.
import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { revisionNumber } from '../common/revisions.ts';
import { AppendFault } from './append-fault.ts';
import {
  badRequestError,
  batchFailure,
  batchSuccess,
  conflictError,
  NOT_READY_ERROR,
  streamDeletedError,
  TIMEOUT_ERROR,
  type BatchError,
} from './append-answers.ts';
import type { AppendOptions, BatchFragment } from './append-messages.ts';
import { uuidHalves } from '../wire/uuid-bytes.ts';
import type { FileRows } from '../embedded/rows.ts';
import type { FrontContext } from './context.ts';
import { MAX_UNFINISHED_APPENDS, MAX_UNFINISHED_BYTES, MAX_UNWRITTEN_BYTES } from './limits.ts';
import { addProposed, gathering, type Gathering } from './proposed.ts';
import { Refusal, refusalOf, senseless, shuttingDown } from './refusal.ts';
import { placeOfNothing } from './stream-view.ts';

/** An append whose last fragment has not arrived. */
type OpenAppend = {
  readonly correlationBytes: Buffer;
  /** For the answer; empty when the name was invalid. */
  readonly stream: string;
  readonly append: Gathering | undefined;
  readonly deadline: number;
  /** True after its answer; further fragments are ignored. */
  answered: boolean;
  timer?: NodeJS.Timeout;
};

export function batchAppendHandler(context: FrontContext) {
  const { engine, like, phases, closing, state, held } = context;
  return (call: ServerDuplexStream<BatchFragment, Buffer>): void => {
    const connection = call.getPeer();
    const open = new Map<string, OpenAppend>();
    let unfinished = 0;
    let unwritten = 0;
    let counted = 0;
    let writing = 0;
    let ended = false;
    /** Counts what this call holds. */
    const count = (): Refusal | undefined => {
      // An append that is being written goes on when the call has ended.
      const holds = unwritten + (ended ? 0 : unfinished);
      const change = holds - counted;
      counted = holds;
      return held.change(connection, change);
    };

    const end = (error?: Refusal): void => {
      if (ended) return;
      ended = true;
      for (const { timer } of open.values()) clearTimeout(timer);
      open.clear();
      count();
      if (error === undefined) call.end();
      else call.emit('error', error);
    };
    /** Ends the call after the answers of the appends that are being written. */
    const endIfIdle = (): void => {
      if (writing > 0) return;
      if (closing.aborted) end(shuttingDown(like));
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

    /** A server answers an unfinished append at its deadline, with the other form of the id. */
    const endAtDeadline = (id: string, one: OpenAppend): void => {
      one.timer = setTimeout(() => {
        if (open.get(id) === one) open.delete(id);
        if (!one.answered) fail({ ...one, correlationBytes: uuidHalves(id) }, TIMEOUT_ERROR);
        one.answered = true;
      }, one.deadline - performance.now());
    };

    const begin = (id: string, fragment: BatchFragment): OpenAppend => {
      const { options, correlationFault } = fragment;
      const started = correlationFault ?? (options === undefined ? NO_OPTIONS : startOf(options));
      const append = started instanceof AppendFault ? undefined : started;
      // All parts of an append that comes in one fragment are there.
      const mostMs = fragment.isFinal ? phases.writeMs : phases.partsMs;
      const timeoutMs = Math.min(options?.deadlineMs ?? mostMs, mostMs);
      const one: OpenAppend = {
        // A copy: a view would keep the whole message in memory.
        correlationBytes: Buffer.from(fragment.correlationBytes),
        stream: append?.stream ?? '',
        append,
        deadline: performance.now() + timeoutMs,
        answered: false,
      };
      open.set(id, one);
      if (!state.isReady) fail(one, NOT_READY_ERROR);
      else if (started === NO_OPTIONS && like !== undefined) one.answered = true;
      else if (started instanceof AppendFault) fail(one, started.asBatchError(like));
      else if (like !== undefined && !fragment.isFinal) endAtDeadline(id, one);
      return one;
    };

    const add = (
      one: OpenAppend,
      append: Gathering,
      fragment: BatchFragment,
    ): BatchError | Refusal | undefined => {
      // The deadline is checked before the size: a timed out append is answered as such.
      if (performance.now() >= one.deadline) return TIMEOUT_ERROR;
      const before = append.bytes;
      let fault: AppendFault | undefined;
      for (const event of fragment.events) fault ??= addProposed(append, event, like);
      unfinished += append.bytes - before;
      const error = fault?.asBatchError(like);
      // A server reads the events of later fragments where it does not expect errors.
      const endsCall = like !== undefined && fragment.options === undefined;
      return endsCall && error?.type === 'BadRequest' ? fault?.asStatus(like) : error;
    };

    const write = (one: OpenAppend, append: Gathering): void => {
      clearTimeout(one.timer);
      one.answered = true;
      unfinished -= append.bytes;
      unwritten += append.bytes;
      writing += 1;
      const finish = (answer: Buffer): void => {
        unwritten -= append.bytes;
        count();
        writing -= 1;
        send(answer);
        endIfIdle();
      };
      engine.append(append, one.deadline - performance.now()).then(
        (result) => {
          finish(answerOf(engine.rows, one, append, result));
        },
        (error: unknown) => {
          const { details } = refusalOf(error);
          finish(batchFailure(one, badRequestError(details, status.UNAVAILABLE)));
        },
      );
    };

    call.on('data', (fragment: BatchFragment) => {
      if (ended) return;
      if (fragment.unusable !== undefined) {
        // EventStoreDB 24.6 ends the call without an error then.
        const isSilent = like === '24.6' && fragment.unusable === 'malformed';
        end(isSilent ? undefined : senseless(like, `a message is ${fragment.unusable}`));
        return;
      }
      const id = fragment.correlationId;
      const known = open.get(id);
      // Options begin an append; with the id of one that was answered they begin another.
      const isOther = known?.answered === true && fragment.options !== undefined;
      const one = known === undefined || isOther ? begin(id, fragment) : known;
      if (!one.answered && one.append !== undefined) {
        const error = add(one, one.append, fragment);
        if (error instanceof Refusal) {
          end(error);
          return;
        }
        if (error !== undefined) fail(one, error);
        else if (fragment.isFinal) write(one, one.append);
      }
      if (fragment.isFinal) open.delete(id);
      if (unfinished > MAX_UNFINISHED_BYTES || open.size > MAX_UNFINISHED_APPENDS) {
        end(new Refusal(status.RESOURCE_EXHAUSTED, 'too many unfinished appends on one stream'));
        return;
      }
      const full = count();
      if (full !== undefined) {
        end(full);
        return;
      }
      pauseOrResume();
    });
    call.on('drain', pauseOrResume);
    call.on('end', endIfIdle);
    closing.addEventListener('abort', endIfIdle);
    const gone = (): void => {
      ended = true;
      count();
      for (const { timer } of open.values()) clearTimeout(timer);
      open.clear();
      closing.removeEventListener('abort', endIfIdle);
    };
    call.on('cancelled', gone);
    call.on('error', gone);
    call.on('close', gone);
  };
}

/** A part of an append that was answered already, or never begun. */
const NO_OPTIONS = new AppendFault('the first fragment has no options', '');

function startOf(options: AppendOptions): Gathering | AppendFault {
  const { deadlineFault } = options;
  if (deadlineFault === undefined) return gathering(options, 'BatchAppendReq');
  return new AppendFault('the deadline is not a time', deadlineFault);
}

function answerOf(
  rows: FileRows,
  one: OpenAppend,
  append: Gathering,
  result: AppendResult,
): Buffer {
  return match(result)
    .with({ outcome: 'appended' }, ({ revision, position }) =>
      batchSuccess(one, revision, append.events.length === 0 ? placeOfNothing(rows) : position),
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
