// `Append`: one append per call, its events in the messages after the first one.
import type { sendUnaryData, ServerReadableStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { Position } from '../../../domain/core/positions.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { revisionNumber } from '../common/revisions.ts';
import { AppendFault } from './append-fault.ts';
import type { AppendMessage } from './append-messages.ts';
import type { FrontContext } from './context.ts';
import { addProposed, gathering, type Gathering } from './proposed.ts';
import { appendConflict, appendSuccess } from './append-answers.ts';
import { failedWrite, Refusal, refusalOf, senseless } from './refusal.ts';
import { placeOfNothing } from './stream-view.ts';

export function appendHandler(context: FrontContext) {
  const { engine, like } = context;
  return (call: ServerReadableStream<AppendMessage, Buffer>, done: sendUnaryData<Buffer>): void => {
    let append: Gathering | undefined;
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    const finish = (error: Refusal | null, answer?: Buffer): void => {
      if (!ended) done(error, answer);
      end();
    };
    const receive = ({ options, event }: AppendMessage): Refusal | undefined => {
      if (append !== undefined) {
        return event === undefined
          ? senseless(like, 'a message has no event')
          : addProposed(append, event, like)?.asStatus(like);
      }
      if (options === undefined) return senseless(like, 'the first message must have the options');
      const started = gathering(options, 'AppendReq');
      if (started instanceof AppendFault) return started.asStatus(like);
      append = started;
      return undefined;
    };
    call.on('data', (message: AppendMessage) => {
      if (ended) return;
      const refused = receive(message);
      // Immediately, since the rest of the append would be dropped.
      if (refused !== undefined) finish(refused);
    });
    call.on('cancelled', end);
    call.on('error', end);
    call.on('end', () => {
      if (ended) return;
      if (append === undefined) {
        finish(senseless(like, 'an append needs options'));
        return;
      }
      const { expected, events } = append;
      const answers: Answers = {
        appended: (revision, position) =>
          appendSuccess(revision, events.length === 0 ? placeOfNothing(engine.rows) : position),
        conflict: (actual) => appendConflict(expected, actual),
      };
      writeAndAnswer(context, append, answers, finish);
    });
  };
}

export type Answers = {
  readonly appended: (revision: bigint, position: Position) => Buffer;
  readonly conflict: (actual: bigint) => Buffer | Refusal;
};

/** Writes an append and answers its call. */
export function writeAndAnswer(
  { engine, phases }: FrontContext,
  request: AppendRequest,
  answers: Answers,
  done: (error: Refusal | null, answer?: Buffer) => void,
): void {
  engine.append(request, phases.writeMs).then(
    (result) => {
      const answer = match(result)
        .with({ outcome: 'appended' }, (it) => answers.appended(it.revision, it.position))
        .with({ outcome: 'conflict' }, (it) => answers.conflict(revisionNumber(it.actual)))
        .with({ outcome: 'refused' }, { outcome: 'unknown' }, (it) =>
          failedWrite(request.stream, it),
        )
        .exhaustive();
      if (answer instanceof Refusal) done(answer);
      else done(null, answer);
    },
    (error: unknown) => {
      done(refusalOf(error));
    },
  );
}
