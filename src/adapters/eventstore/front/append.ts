// `Append`: one append per call, its events in the messages after the first one.
import type { sendUnaryData, ServerReadableStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { NO_STREAM } from '../common/revisions.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import type { AppendMessage } from './append-messages.ts';
import { addProposed, gathering, requestOf, type Gathering } from './proposed.ts';
import { appendConflict, appendSuccess } from './append-answers.ts';
import { failedWrite, invalidArgument, Refusal, refusalOf } from './refusal.ts';
import { WRITE_TIMEOUT_MS, type FrontLimits } from './limits.ts';

export function appendHandler(
  engine: EmbeddedEngine,
  { maxAppendBytes }: FrontLimits,
): (call: ServerReadableStream<AppendMessage, Buffer>, done: sendUnaryData<Buffer>) => void {
  return (call, done) => {
    let append: Gathering | undefined;
    let ended = false;
    const finish = (error: Refusal | null, answer?: Buffer): void => {
      if (ended) return;
      ended = true;
      done(error, answer);
    };
    const receive = ({ options, event }: AppendMessage): Refusal | undefined => {
      if (append === undefined) {
        if (options === undefined)
          return invalidArgument('the first message must have the options');
        const started = gathering(options);
        if (started instanceof Refusal) return started;
        append = started;
        return undefined;
      }
      if (event === undefined) return invalidArgument('a message has no event');
      return addProposed(append, event, maxAppendBytes);
    };
    call.on('data', (message: AppendMessage) => {
      if (ended) return;
      const refused = receive(message);
      // Immediately, since the rest of the append would be dropped.
      if (refused !== undefined) finish(refused);
    });
    call.on('cancelled', () => {
      ended = true;
    });
    call.on('error', () => {
      ended = true;
    });
    call.on('end', () => {
      if (ended) return;
      if (append === undefined) {
        finish(invalidArgument('an append needs options'));
        return;
      }
      const gathered = append;
      engine.append(requestOf(gathered), WRITE_TIMEOUT_MS).then(
        (result) => {
          const answer = answerOf(gathered, result);
          if (answer instanceof Refusal) finish(answer);
          else finish(null, answer);
        },
        (error: unknown) => {
          finish(refusalOf(error));
        },
      );
    });
  };
}

function answerOf({ stream, expected, events }: Gathering, result: AppendResult): Buffer | Refusal {
  return match(result)
    .with({ outcome: 'appended' }, ({ revision, position }) =>
      appendSuccess(revision, events.length === 0 ? undefined : position),
    )
    .with({ outcome: 'conflict' }, ({ actual }) =>
      appendConflict(expected, actual === 'no_stream' ? NO_STREAM : actual),
    )
    .with({ outcome: 'refused' }, { outcome: 'unknown' }, (failed) => failedWrite(stream, failed))
    .exhaustive();
}
