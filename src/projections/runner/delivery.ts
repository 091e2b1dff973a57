// Getting pages' messages into the stream: by publishing them, or, as a standby, by waiting until
// another projector of the lane has. Both decide the same list, so each message has one place.
import type { FoldedPage, PlannedMessage } from '../notification/fold.ts';
import type { OutputSession } from '../ports.ts';
import type { RunnerContext } from './context.ts';
import { agrees, stampOf, type Stamp } from './headers.ts';
import { refusals } from './refusals.ts';
import type { Stored } from './resume.ts';

/** `active` publishes; `standby` watches, and takes over when nobody publishes what it has decided. */
export type Role = 'active' | 'standby';

type Waiting = {
  readonly messages: readonly PlannedMessage[];
  readonly resolve: (published: readonly PlannedMessage[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Ends the epoch without blame: the picture of the stream has to be drawn again. */
export class EpochOver extends Error {
  override readonly name = 'EpochOver';
}

/** One epoch's way to the output stream. */
export class Delivery {
  readonly #context: RunnerContext;
  readonly #session: OutputSession;
  readonly #base: bigint;
  readonly #created: string;
  readonly #takenOver: () => void;
  #role: Role;
  /** Ordinal of the last message of the list that the stream holds. */
  #stored: bigint;
  #lastSequence: bigint;
  /** A stored message that the fold has not reached yet. */
  #unverified: (Stamp & { readonly sequence: bigint }) | undefined;
  #movedAt: number;
  #waiting: Waiting[] = [];
  #sent = 0n;

  constructor(
    context: RunnerContext,
    session: OutputSession,
    created: string,
    stored: Stored,
    role: Role,
    takenOver: () => void,
  ) {
    this.#context = context;
    this.#session = session;
    this.#created = created;
    this.#base = stored.base;
    this.#stored = stored.ordinal;
    this.#lastSequence = stored.base + stored.ordinal;
    this.#unverified = stored.last;
    this.#role = role;
    this.#takenOver = takenOver;
    this.#movedAt = context.elapsed();
  }

  get role(): Role {
    return this.#role;
  }

  /** Messages of this page that the stream does not hold yet; to be called once, before `deliver`. */
  unstored(page: FoldedPage): readonly PlannedMessage[] {
    this.#verify(page.messages);
    const first = page.messages[0];
    if (first === undefined || first.ordinal > this.#stored) return page.messages;
    return page.messages.filter(({ ordinal }) => ordinal > this.#stored);
  }

  /** Resolves when the stream holds these messages, and all before them, with those that we stored. */
  deliver(messages: readonly PlannedMessage[]): Promise<readonly PlannedMessage[]> {
    if (messages.length === 0) return Promise.resolve([]);
    if (this.#role === 'active') return this.#publish(messages);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
    });
  }

  /**
   * Looks at the stream: a standby's work, and an idle projector's check that all is as it was.
   * @param isIdle nothing of ours is on its way, so the stream's end must be where we left it
   */
  async look(isIdle: () => boolean): Promise<void> {
    if (this.#role === 'active' && !isIdle()) return;
    const expected = this.#end;
    const info = await this.#session.info();
    if (info === undefined) throw refusals.missing(this.#context.output.stream);
    if (info.created !== this.#created) {
      throw refusals.replaced(info.stream, this.#created, info.created);
    }
    if (this.#role === 'active') {
      const moved = info.lastSequence !== expected && expected === this.#end;
      if (moved && isIdle()) throw new EpochOver('the output stream is not as it was left');
      return;
    }
    if (info.lastSequence < this.#lastSequence)
      throw new EpochOver('the output stream got shorter');
    if (info.lastSequence > this.#lastSequence) await this.#advance(info.lastSequence);
    else if (this.#isDue()) this.#takeOver();
  }

  /** Lets nobody wait for an epoch that is over. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Where the stream ends once everything that was handed to it is stored. */
  get #end(): bigint {
    return this.#base + (this.#sent > this.#stored ? this.#sent : this.#stored);
  }

  async #publish(messages: readonly PlannedMessage[]): Promise<readonly PlannedMessage[]> {
    const first = messages[0];
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return [];
    this.#sent = last.ordinal;
    await this.#session.publish(
      this.#base + first.ordinal,
      messages.map(({ message }) => message),
    );
    return messages;
  }

  async #advance(lastSequence: bigint): Promise<void> {
    const message = await this.#session.read(lastSequence);
    const stamp = message && stampOf(message);
    const ordinal = lastSequence - this.#base;
    if (stamp?.ordinal !== ordinal) throw new EpochOver('others wrote to the output stream');
    this.#lastSequence = lastSequence;
    this.#stored = ordinal;
    this.#movedAt = this.#context.elapsed();
    this.#unverified = { ...stamp, sequence: lastSequence };
    const done = this.#waiting.filter(
      ({ messages }) => (messages.at(-1)?.ordinal ?? 0n) <= ordinal,
    );
    this.#waiting.forEach(({ messages }) => {
      this.#verify(messages);
    });
    this.#waiting = this.#waiting.slice(done.length);
    for (const { resolve } of done) resolve([]);
  }

  #isDue(): boolean {
    const { timing, elapsed } = this.#context;
    return this.#waiting.length > 0 && elapsed() - this.#movedAt >= timing.takeoverMs;
  }

  #takeOver(): void {
    this.#role = 'active';
    this.#takenOver();
    for (const { messages, resolve, reject } of this.#waiting.splice(0)) {
      const rest = messages.filter(({ ordinal }) => ordinal > this.#stored);
      this.#publish(rest).then(resolve, reject);
    }
  }

  /** The fence's other half: what is stored at a place must be what we decide for it. */
  #verify(messages: readonly PlannedMessage[]): void {
    const stored = this.#unverified;
    const last = messages.at(-1);
    const first = messages[0];
    if (stored === undefined || first === undefined || last === undefined) return;
    if (stored.ordinal < first.ordinal || stored.ordinal > last.ordinal) return;
    const own = messages[Number(stored.ordinal - first.ordinal)];
    this.#unverified = undefined;
    if (own !== undefined && agrees(own, stored)) return;
    const detail = 'the log decides another message for this place';
    throw refusals.disagrees(this.#context.output.stream, stored.sequence, detail);
  }
}
