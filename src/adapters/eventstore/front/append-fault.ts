// Why an append is refused before it is written. `Append` answers with a status, `BatchAppend` with a message, and
// servers use other words for the two.
import { badRequestError, TOO_LARGE_ERROR, type BatchError } from './append-answers.ts';
import { senseless, tooLarge, type Refusal } from './refusal.ts';
import type { Like } from './server-version.ts';

export class AppendFault {
  readonly #reason: string;
  readonly #batchText: string;
  readonly #status: Refusal | undefined;
  readonly #batchError: BatchError | undefined;

  /**
   * @param reason in the front's own words
   * @param batchText what `BatchAppend` of a server says
   * @param status what `Append` says, where a server does not answer as to a request that it did not expect
   */
  constructor(reason: string, batchText: string, status?: Refusal, batchError?: BatchError) {
    this.#reason = reason;
    this.#batchText = batchText;
    this.#status = status;
    this.#batchError = batchError;
  }

  asStatus(like: Like): Refusal {
    return this.#status ?? senseless(like, this.#reason);
  }

  /** The official client shows the message, and not the text, so the front's own message is the reason. */
  asBatchError(like: Like): BatchError {
    if (this.#batchError !== undefined) return this.#batchError;
    return like === undefined
      ? badRequestError(this.#reason)
      : { ...badRequestError(this.#batchText), message: 'BadRequest' };
  }
}

export const TOO_LARGE = new AppendFault('', '', tooLarge(), TOO_LARGE_ERROR);
