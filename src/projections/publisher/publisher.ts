// Getting pages' messages into the stream: by publishing them, or, as a standby, by waiting until
// another projector of the lane has. Both decide the same list, so each message has one place.
import type { FoldedPage, PlannedMessage } from '../dedupe/fold.ts';
import type { OutputSession } from '../output.ts';
import type { ProjectorContext } from './context.ts';
import { agrees } from './message-identity.ts';
import type { PlacedMessage, SequenceMap } from './sequence-map.ts';
import { refusals } from './refusals.ts';
import { scan } from './resume.ts';

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
export class Publisher {
  readonly #context: ProjectorContext;
  readonly #session: OutputSession;
  readonly #created: string;
  readonly #takenOver: () => void;
  readonly #sequenceOf: SequenceMap['sequenceOf'];
  #role: Role;
  /** The stream's end, as far as it is known. */
  #end: bigint;
  /** Its end once everything that was handed to it is stored. */
  #handed: bigint;
  /** A stored message that the fold has not reached yet. */
  #unverified: PlacedMessage | undefined;
  #movedAt: number;
  #waiting: Waiting[] = [];

  constructor(
    context: ProjectorContext,
    session: OutputSession,
    created: string,
    { end, sequenceOf, last }: SequenceMap,
    role: Role,
    takenOver: () => void,
  ) {
    this.#context = context;
    this.#session = session;
    this.#created = created;
    this.#sequenceOf = sequenceOf;
    this.#end = this.#handed = end;
    this.#unverified = last;
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
    return this.#beyondEnd(page.messages);
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
    const expected = this.#handed;
    const info = await this.#session.info();
    if (info === undefined) throw refusals.missing(this.#context.output.stream);
    if (info.created !== this.#created) {
      throw refusals.replaced(info.stream, this.#created, info.created);
    }
    if (this.#role === 'active') {
      const moved = info.lastSequence !== expected && expected === this.#handed;
      if (moved && isIdle()) throw new EpochOver('the output stream is not as it was left');
      return;
    }
    if (info.lastSequence < this.#end) throw new EpochOver('the output stream got shorter');
    if (info.lastSequence > this.#end) await this.#advance(info.lastSequence);
    else if (this.#isDue()) this.#takeOver();
  }

  /** Lets nobody wait for an epoch that is over. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #publish(messages: readonly PlannedMessage[]): Promise<readonly PlannedMessage[]> {
    const first = messages[0];
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return [];
    this.#handed = this.#sequenceOf(last.ordinal);
    await this.#session.publish(
      this.#sequenceOf(first.ordinal),
      messages.map(({ message }) => message),
    );
    return messages;
  }

  /** Another projector has stored more; each of it must be what we would have put there. */
  async #advance(end: bigint): Promise<void> {
    let last: PlacedMessage | undefined;
    for await (const page of scan(this.#session, this.#end, end)) {
      for (const { sequence, stamp } of page) {
        if (typeof stamp !== 'object' || this.#sequenceOf(stamp.ordinal) !== sequence) {
          throw new EpochOver('the output stream holds what this place is not for');
        }
        last = { ...stamp, sequence };
      }
    }
    this.#end = this.#handed = end;
    this.#movedAt = this.#context.elapsed();
    this.#unverified = last;
    for (const { messages } of this.#waiting) this.#verify(messages);
    const count = this.#waiting.findIndex(({ messages }) => this.#beyondEnd(messages).length > 0);
    for (const { resolve } of this.#waiting.splice(0, count === -1 ? Infinity : count)) resolve([]);
  }

  #beyondEnd(messages: readonly PlannedMessage[]): readonly PlannedMessage[] {
    return messages.filter(({ ordinal }) => this.#sequenceOf(ordinal) > this.#end);
  }

  #isDue(): boolean {
    const { timing, elapsed } = this.#context;
    return this.#waiting.length > 0 && elapsed() - this.#movedAt >= timing.takeoverMs;
  }

  #takeOver(): void {
    this.#role = 'active';
    this.#takenOver();
    for (const { messages, resolve, reject } of this.#waiting.splice(0)) {
      this.#publish(this.#beyondEnd(messages)).then(resolve, reject);
    }
  }

  /** The fence's other half: what is stored at a place must be what we decide for it. */
  #verify(messages: readonly PlannedMessage[]): void {
    const stored = this.#unverified;
    const own = stored && messages.find(({ ordinal }) => ordinal === stored.ordinal);
    if (stored === undefined || own === undefined) return;
    this.#unverified = undefined;
    if (agrees(own, stored)) return;
    const detail = 'the log decides another message for this place';
    throw refusals.disagrees(this.#context.output.stream, stored.sequence, detail);
  }
}
