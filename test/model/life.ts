// One life of a process: every effect and every read of its ports waits for a turn, and the answer for
// another. It can die between any two of them; then nothing it still waits for ever comes, and what it had
// sent may arrive all the same.
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { DueIndexes } from '../../src/kernel/processes/due/due-index.ts';
import type { Output, OutputSession } from '../../src/projections/output.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import { label } from '../harness/effect-labels.ts';
import { Died, wrapped } from '../harness/failpoints.ts';
import type { Schedule } from './schedule.ts';

/** Of what a dead process had sent, how much arrives. */
const ARRIVES = 0.5;

export type DiesAt = (effect: string) => 'before' | 'after' | undefined;

export class Life {
  readonly name: string;
  readonly stop = new AbortController();
  readonly #schedule: Schedule;
  readonly #diesAt: DiesAt;
  readonly #onDeath: (life: Life) => void;
  #dead = false;
  #wire = 0;

  /** @param diesAt asked at each synchronous effect, which no turn can come between */
  constructor(name: string, schedule: Schedule, diesAt: DiesAt, onDeath: (life: Life) => void) {
    this.name = name;
    this.#schedule = schedule;
    this.#diesAt = diesAt;
    this.#onDeath = onDeath;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#schedule.note(`${this.name} dies`);
    const schedule = this.#schedule;
    const late = schedule.forget(this, (what) => / sent$/.test(what) && schedule.chance(ARRIVES));
    // What was on its way when it died is nobody's, and arrives when its turn comes.
    for (const go of late) void schedule.turn(`${this.name} from the grave`, schedule).then(go);
    this.stop.abort();
    this.#onDeath(this);
  }

  /** Asks: the question waits for its turn, the answer for another. */
  async ask<T>(what: string, call: () => Promise<T>, queue?: string): Promise<T> {
    if (this.#dead) return never();
    const schedule = this.#schedule;
    await schedule.turn(`${this.name} ${what} sent`, this, queue);
    const answer = call();
    // Who died does not hear of it.
    answer.catch(() => undefined);
    await Promise.allSettled([answer]);
    if (this.#isGone()) return never();
    await schedule.turn(`${this.name} ${what} answered`, this, queue && `${queue} back`);
    return this.#isGone() ? never() : answer;
  }

  /** Something synchronous, at which it may die. */
  now(what: string, call: () => unknown): unknown {
    if (this.#dead) throw new Died(what);
    const when = this.#diesAt(what);
    if (when === 'before') {
      this.die();
      throw new Died(what);
    }
    const result = call();
    if (when !== 'after') return result;
    this.die();
    throw new Died(what);
  }

  store(store: EventStore): EventStore {
    const pages = async function* <T>(life: Life, what: string, all: AsyncIterable<T>) {
      for await (const page of all) {
        await life.#read(what);
        yield page;
      }
    };
    return {
      append: (stream, expected, events, options) =>
        this.ask(label('append', [stream, expected, events]), () =>
          store.append(stream, expected, events, options),
        ),
      readStream: (...args) => pages(this, 'reads a stream', store.readStream(...args)),
      readAll: (...args) => pages(this, 'reads the log', store.readAll(...args)),
      subscribeAll: (...args) => pages(this, 'is given a page', store.subscribeAll(...args)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  output(output: Output): Output {
    return {
      stream: output.stream,
      connect: async (signal) => {
        const session = await this.ask('connect', () => output.connect(signal));
        return this.#session(session);
      },
    };
  }

  state(state: ReadModel): ReadModel {
    return wrapped.state(state, (effect, call) => this.now(effect, call));
  }

  indexes(indexes: DueIndexes): DueIndexes {
    return wrapped.indexes(indexes, (effect, call) => this.now(effect, call));
  }

  #session(session: OutputSession): OutputSession {
    this.#wire += 1;
    const wire = `${this.name} wire ${this.#wire}`;
    return {
      info: () => this.ask('info', () => session.info()),
      read: (sequence) => this.ask('read', () => session.read(sequence)),
      create: (description) => this.ask('create', () => session.create(description)),
      publish: (first, messages) => {
        const what = `publish ${first} to ${first + BigInt(messages.length) - 1n}`;
        const call = this.ask(what, () => session.publish(first, messages), wire);
        // Nobody may be waiting when the session dies.
        call.catch(() => undefined);
        return call;
      },
      // A process that is dead closes nothing, and what it had sent may still arrive.
      [Symbol.asyncDispose]: async () => {
        if (!this.#dead) await session[Symbol.asyncDispose]();
      },
    };
  }

  async #read(what: string): Promise<void> {
    if (this.#dead) return never();
    await this.#schedule.turn(`${this.name} ${what}`, this);
    if (this.#isGone()) await never();
  }

  /** Asked again after each wait: it may have died meanwhile. */
  #isGone(): boolean {
    return this.#dead;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
