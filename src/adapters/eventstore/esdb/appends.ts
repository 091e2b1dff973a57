// Appends over one long-lived stream of the protocol. The client has the same, but keeps the promises
// of all its instances in one place: an error of any rejects those of all, and an answer that comes
// after that throws inside a stream callback and ends the process. Here every connection has its own,
// a late answer is nobody's, and what is lost with a connection has the outcome `unknown`.
import { randomUUID } from 'node:crypto';
import { AccessDeniedError } from '@eventstore/db-client';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { answerOf, readReply, type Answer } from './append-answers.ts';
import { appendMessages } from './append-messages.ts';
import type { AppendCall } from './connection.ts';
import { asCommandError, messageOf } from './failures.ts';

/** Sends appends and waits for their answers. */
export type Appender = {
  /** Never rejects. */
  readonly append: (request: AppendRequest, deadlineMs: number) => Promise<Answer>;
};

type Pending = {
  readonly request: AppendRequest;
  readonly settle: (answer: Answer) => void;
  /** True once its caller has an answer. */
  settled: boolean;
};

type Line = {
  readonly call: AppendCall;
  readonly pending: Map<string, Pending>;
  /** True once the server has answered anything: then it let us in. */
  answered: boolean;
  over: boolean;
};

/** @param start opens the stream of appends */
export function appender(start: () => Promise<AppendCall>): Appender {
  let current: Promise<Line> | undefined;
  let live: Line | undefined;

  const open = async (): Promise<Line> => {
    const call = await start();
    const line: Line = { call, pending: new Map(), answered: false, over: false };
    live = line;
    const over = (error: unknown): void => {
      if (line.over) return;
      line.over = true;
      if (live === line) current = undefined;
      for (const { settle } of line.pending.values()) settle(lostWith(error, line.answered));
      line.pending.clear();
      call.cancel();
    };
    call.on('data', (reply: Buffer) => {
      answer(line, reply, over);
    });
    call.on('error', over);
    call.on('end', () => {
      over(new Error('the server ended the stream of appends'));
    });
    return line;
  };

  const send = async (id: string, pending: Pending): Promise<Line | undefined> => {
    const opening = (current ??= open());
    try {
      const line = await opening;
      // Dialled too long: the caller has been told, and what is not sent cannot surprise anybody.
      if (pending.settled) return undefined;
      if (line.over) throw new Error('the stream of appends ended');
      line.pending.set(id, pending);
      // What the server does not take yet waits here; callers hold back by waiting for their answers.
      for (const message of appendMessages(id, pending.request)) line.call.write(message);
      return line;
    } catch (error) {
      if (current === opening) current = undefined;
      pending.settle(lostWith(error, false));
      return undefined;
    }
  };

  return {
    async append(request, deadlineMs) {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<Answer>();
      const pending: Pending = { request, settle: resolve, settled: false };
      const timer = setTimeout(() => {
        resolve(unknown(`the event store gave no answer within ${deadlineMs} ms`));
      }, deadlineMs);
      const sent = send(id, pending);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        pending.settled = true;
        void sent.then((line) => line?.pending.delete(id));
      }
    },
  };
}

function answer(line: Line, bytes: Buffer, over: (error: unknown) => void): void {
  line.answered = true;
  try {
    const reply = readReply(bytes);
    const { id } = reply;
    // Nobody waits for a late answer: its caller has been told that the outcome is unknown.
    const pending = id === undefined ? undefined : line.pending.get(id);
    pending?.settle(answerOf(pending.request, reply));
  } catch (error) {
    // Thrown from here it would end the process.
    over(error);
  }
}

function lostWith(cause: unknown, answered: boolean): AppendResult {
  const error = asCommandError(cause);
  if (error instanceof AccessDeniedError && !answered) {
    return { outcome: 'refused', reason: 'access_denied', message: error.message };
  }
  return unknown(`the connection to the event store was lost: ${messageOf(error)}`, cause);
}

function unknown(message: string, cause?: unknown): AppendResult {
  return { outcome: 'unknown', message, ...(cause === undefined ? {} : { cause }) };
}
