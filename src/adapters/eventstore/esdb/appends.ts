// Appends over one long-lived stream of the protocol. The client has the same, but keeps the promises of all
// its instances in one place: an error of one rejects those of all, and an answer that comes after it throws
// inside a stream callback and ends the process. Here every stream has its own pending appends, late answers
// are ignored, and an append whose stream is lost has the outcome `unknown`.
import { randomUUID } from 'node:crypto';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { answerOf, readReply, type AppendAnswer } from './append-answers.ts';
import { appendMessages } from './append-messages.ts';
import type { AppendCall } from './connection.ts';
import { isAccessDenied, messageOf } from './failures.ts';

/** Sends appends and waits for their answers. */
export type Appender = {
  /** Never rejects. */
  readonly append: (request: AppendRequest, deadlineMs: number) => Promise<AppendAnswer>;
};

type Pending = {
  readonly request: AppendRequest;
  readonly resolve: (answer: AppendAnswer) => void;
  /** True once its caller has an answer. */
  resolved: boolean;
};

type AppendStream = {
  readonly call: AppendCall;
  readonly pending: Map<string, Pending>;
  /** True after the first answer: the server has granted access. */
  answered: boolean;
  ended: boolean;
};

/** @param start opens the stream of appends */
export function appender(start: () => Promise<AppendCall>): Appender {
  let current: Promise<AppendStream> | undefined;
  let live: AppendStream | undefined;

  const open = async (): Promise<AppendStream> => {
    const call = await start();
    const stream: AppendStream = { call, pending: new Map(), answered: false, ended: false };
    live = stream;
    const end = (error: unknown): void => {
      if (stream.ended) return;
      stream.ended = true;
      if (live === stream) current = undefined;
      for (const { resolve } of stream.pending.values()) resolve(lostWith(error, stream.answered));
      stream.pending.clear();
      call.cancel();
    };
    call.on('data', (reply: Buffer) => {
      receive(stream, reply, end);
    });
    call.on('error', end);
    call.on('end', () => {
      end(new Error('the server ended the stream of appends'));
    });
    return stream;
  };

  const send = async (id: string, pending: Pending): Promise<AppendStream | undefined> => {
    const opening = (current ??= open());
    try {
      const stream = await opening;
      // The deadline passed while the stream opened: an append that is not sent cannot be written later.
      if (pending.resolved) return undefined;
      if (stream.ended) throw new Error('the stream of appends ended');
      stream.pending.set(id, pending);
      // Messages that the server does not accept yet queue here; callers wait for their answers, which bounds it.
      for (const message of appendMessages(id, pending.request)) stream.call.write(message);
      return stream;
    } catch (error) {
      if (current === opening) current = undefined;
      pending.resolve(lostWith(error, false));
      return undefined;
    }
  };

  return {
    async append(request, deadlineMs) {
      const id = randomUUID();
      const { promise, resolve } = Promise.withResolvers<AppendAnswer>();
      const pending: Pending = { request, resolve, resolved: false };
      const timer = setTimeout(() => {
        resolve(unknown(`the event store gave no answer within ${deadlineMs} ms`));
      }, deadlineMs);
      const sent = send(id, pending);
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        pending.resolved = true;
        void sent.then((stream) => stream?.pending.delete(id));
      }
    },
  };
}

function receive(stream: AppendStream, bytes: Buffer, end: (error: unknown) => void): void {
  stream.answered = true;
  try {
    const reply = readReply(bytes);
    const { id } = reply;
    // A late answer finds no pending append: its caller has the outcome `unknown` already.
    const pending = id === undefined ? undefined : stream.pending.get(id);
    pending?.resolve(answerOf(pending.request, reply));
  } catch (error) {
    // An exception in a stream callback would end the process.
    end(error);
  }
}

function lostWith(cause: unknown, answered: boolean): AppendResult {
  if (isAccessDenied(cause) && !answered) {
    return { outcome: 'refused', reason: 'access_denied', message: messageOf(cause) };
  }
  return unknown(`the connection to the event store was lost: ${messageOf(cause)}`, cause);
}

function unknown(message: string, cause?: unknown): AppendResult {
  return { outcome: 'unknown', message, ...(cause === undefined ? {} : { cause }) };
}
