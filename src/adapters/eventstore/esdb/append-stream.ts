// One long-lived stream of appends on a link. The official client also has one, but keeps the promises of all its
// instances in one place: an error of one instance rejects the promises of all, and a later answer throws inside a
// stream callback and ends the process. Here every stream has its own pending appends, and late answers are
// ignored.
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { answerOf, readReply, type AppendAnswer } from './append-answers.ts';
import { appendMessages } from './append-messages.ts';
import { deniedText, isAccessDenied, messageOf } from './failures.ts';
import type { Link } from './link.ts';

type Pending = {
  readonly request: AppendRequest;
  readonly resolve: (answer: AppendAnswer) => void;
};

/** The parts of a link that appends need. */
export type AppendLink = Pick<Link, 'startAppends' | 'retired' | 'isAlone'>;

export class AppendStream {
  readonly link: AppendLink;
  readonly #call: ReturnType<Link['startAppends']>;
  readonly #pending = new Map<string, Pending>();
  /** True after the first answer: the server has granted access. */
  #answered = false;
  #ended = false;

  /** @throws CallError when the link is lost */
  constructor(link: AppendLink) {
    this.link = link;
    this.#call = link.startAppends();
    this.#call.on('data', (reply: Buffer) => {
      this.#receive(reply);
    });
    this.#call.on('error', (error) => {
      this.#end(error);
    });
    this.#call.on('end', () => {
      this.#end(new Error('the server ended the stream of appends'));
    });
    // Appends that a draining link has not answered yet have their time; new ones go to another link.
    link.retired.addEventListener('abort', () => (this.#ended = true), { once: true });
  }

  /** True when new appends need another stream. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @param resolve called at most once, with `unknown` when the stream ends first */
  send(id: string, request: AppendRequest, resolve: (answer: AppendAnswer) => void): void {
    this.#pending.set(id, { request, resolve });
    // Messages that the server does not accept yet queue here; callers wait for their answers, which bounds it.
    for (const message of appendMessages(id, request)) this.#call.write(message);
  }

  /** A later answer is ignored. */
  forget(id: string): void {
    this.#pending.delete(id);
  }

  #receive(bytes: Buffer): void {
    this.#answered = true;
    try {
      const reply = readReply(bytes);
      const pending = reply.id === undefined ? undefined : this.#pending.get(reply.id);
      pending?.resolve(answerOf(pending.request, reply));
    } catch (error) {
      // An exception in a stream callback would end the process.
      this.#end(error);
      this.#call.cancel();
    }
  }

  #end(error: unknown): void {
    this.#ended = true;
    const answer = lostWith(error, this.#answered);
    for (const { resolve } of this.#pending.values()) resolve(answer);
    this.#pending.clear();
    this.#call.cancel();
  }
}

function lostWith(cause: unknown, answered: boolean): AppendResult {
  if (isAccessDenied(cause) && !answered) {
    return {
      outcome: 'refused',
      reason: 'access_denied',
      message: deniedText(cause, 'this append'),
    };
  }
  const message = `the connection to the event store was lost: ${messageOf(cause)}`;
  return { outcome: 'unknown', message, cause };
}
