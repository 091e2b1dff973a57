// Publishes an epoch's messages. As a standby it publishes nothing: it waits until another projector of the
// partition has stored them. Both projectors decide the same messages, so each message has one sequence.
import type { FoldedPage, PlannedMessage } from '../dedupe/page.ts';
import type { OutputSession } from '../output.ts';
import type { ProjectorContext } from './context.ts';
import { isSameMessage, type PlacedMessage, type SequenceMap } from './sequence-map.ts';
import { refusals } from './refusals.ts';
import { scan, type Resumed } from './resume.ts';

/** `active` publishes; `standby` watches, and takes over when nobody publishes what it has decided. */
export type Role = 'active' | 'standby';

/** Called when a standby becomes active. */
export interface RoleObserver {
  tookOver(): void;
}

type Waiting = {
  readonly messages: readonly PlannedMessage[];
  readonly resolve: (published: readonly PlannedMessage[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Ends the epoch, but is no failure: the stream must be compared with the checkpoint again. */
export class EpochOver extends Error {
  override readonly name = 'EpochOver';
}

/** What a publisher begins with. */
export type PublisherStart = {
  readonly role: Role;
  /** The stream's creation time. */
  readonly created: string;
  readonly resumed: Pick<Resumed, 'sequences' | 'provenTo'>;
};

export class Publisher {
  readonly #context: ProjectorContext;
  readonly #session: OutputSession;
  readonly #created: string;
  readonly #observer: RoleObserver;
  readonly #sequenceOf: SequenceMap['sequenceOf'];
  #role: Role;
  readonly #endAtStart: bigint;
  /** The stream's last known sequence. */
  #end: bigint;
  /** Its last sequence when everything that was handed to it is stored. */
  #handed: bigint;
  /** A stored message that the fold has not reached yet. */
  #unverified: PlacedMessage | undefined;
  readonly #provenTo: bigint;
  /** A message that counts as stored although the stream has discarded what could prove it. */
  #assumed: PlannedMessage | undefined;
  #movedAt: number;
  #waiting: Waiting[] = [];

  constructor(
    context: ProjectorContext,
    session: OutputSession,
    { role, created, resumed }: PublisherStart,
    observer: RoleObserver,
  ) {
    const { end, sequenceOf, last } = resumed.sequences;
    this.#context = context;
    this.#session = session;
    this.#created = created;
    this.#sequenceOf = sequenceOf;
    this.#end = this.#handed = this.#endAtStart = end;
    this.#unverified = last;
    this.#provenTo = resumed.provenTo;
    this.#role = role;
    this.#observer = observer;
    this.#movedAt = context.elapsed();
  }

  get role(): Role {
    return this.#role;
  }

  /**
   * Resolves when the stream holds the page's messages and all earlier ones.
   *
   * @param hasVanished the log has lost events that may have decided messages
   * @returns the messages that this projector has published; the others were stored already
   * @throws TocsinError `output_disagrees` when the stream holds another message at a sequence
   */
  publish({ messages }: FoldedPage, hasVanished: boolean): Promise<readonly PlannedMessage[]> {
    this.#verify(messages);
    this.#assertProven(messages, hasVanished);
    const unstored = this.#beyondEnd(messages);
    if (this.#role === 'active' || unstored.length === 0) return this.#send(unstored);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages: unstored, resolve, reject });
    });
  }

  /**
   * Compares the stream with what this projector knows: a standby's only work, and the check of an idle
   * active projector.
   * @param isIdle nothing of ours is in flight, so the stream's end must be unchanged
   */
  async inspectStream(isIdle: () => boolean): Promise<void> {
    if (this.#role === 'active' && !isIdle()) return;
    const expected = this.#handed;
    const info = await this.#session.info();
    if (info === undefined) throw refusals.missing(this.#context.output.stream);
    if (info.created !== this.#created) {
      throw refusals.replaced(info.stream, this.#created, info.created);
    }
    if (this.#role === 'active') {
      const moved = info.lastSequence !== expected && expected === this.#handed;
      if (moved && isIdle()) throw new EpochOver('the output stream has changed');
      return;
    }
    if (info.lastSequence < this.#end) throw new EpochOver('the output stream got shorter');
    if (info.lastSequence > this.#end) await this.#advance(info.lastSequence);
    else if (this.#isDue()) this.#takeOver();
  }

  /**
   * To be called when the log is folded up to its head.
   * @param ordinal of the last message that the log has decided
   * @throws TocsinError `output_ahead` when the stream holds a message for a later ordinal
   */
  assertNotAhead(ordinal: bigint): void {
    if (this.#sequenceOf(ordinal + 1n) > this.#endAtStart) return;
    throw refusals.ahead(this.#context.output.stream, this.#endAtStart, ordinal);
  }

  /** Rejects everything that still waits, as the epoch is over. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #send(messages: readonly PlannedMessage[]): Promise<readonly PlannedMessage[]> {
    const first = messages[0];
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return messages;
    this.#handed = this.#sequenceOf(last.ordinal);
    await this.#session.publish(
      this.#sequenceOf(first.ordinal),
      messages.map(({ message }) => message),
    );
    return messages;
  }

  /** Another projector has stored more; each message must have the sequence that it has here. */
  async #advance(end: bigint): Promise<void> {
    let last: PlacedMessage | undefined;
    for await (const page of scan(this.#session, this.#end, end)) {
      for (const { sequence, identity } of page) {
        if (typeof identity !== 'object' || this.#sequenceOf(identity.ordinal) !== sequence) {
          throw new EpochOver('the output stream holds another message at a sequence of ours');
        }
        last = { ...identity, sequence };
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
    this.#observer.tookOver();
    for (const { messages, resolve, reject } of this.#waiting.splice(0)) {
      this.#send(this.#beyondEnd(messages)).then(resolve, reject);
    }
  }

  /** Without its events the log gives later messages the numbers of earlier ones, which are stored. */
  #assertProven(messages: readonly PlannedMessage[], hasVanished: boolean): void {
    this.#assumed ??= messages.find(
      ({ ordinal }) => ordinal > this.#provenTo && this.#sequenceOf(ordinal) <= this.#endAtStart,
    );
    if (!hasVanished || this.#assumed === undefined) return;
    const sequence = this.#sequenceOf(this.#assumed.ordinal);
    const detail = 'the stream has discarded it, and events of the log have vanished';
    throw refusals.disagrees(this.#context.output.stream, sequence, detail);
  }

  /** A stored message must be the message that the log decides for its ordinal. */
  #verify(messages: readonly PlannedMessage[]): void {
    const stored = this.#unverified;
    const own = stored && messages.find(({ ordinal }) => ordinal === stored.ordinal);
    if (stored === undefined || own === undefined) return;
    this.#unverified = undefined;
    if (isSameMessage(own, stored)) return;
    const detail = 'the log decides another message for this sequence';
    throw refusals.disagrees(this.#context.output.stream, stored.sequence, detail);
  }
}
