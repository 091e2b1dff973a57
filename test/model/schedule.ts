// A schedule in the hands of a seed: everything that could happen next waits for its turn, and one is
// picked at a time, when nothing moves any more. Time is virtual, and passing is a turn as well.
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import { seededRandom } from '../support/random.ts';
import { virtualTime } from '../support/virtual-time.ts';

/** Something that waits for its turn. */
type Turn = {
  readonly label: string;
  readonly owner: object;
  /** Only the first turn of a queue may be picked: messages on one wire keep their order. */
  readonly queue: string | undefined;
  readonly go: () => void;
};

/** So many quiet rounds of the event loop, and nobody has anything left to do. */
const QUIET_ROUNDS = 4;
/** How often time passes although somebody could act: who is slow then is a process that stood still. */
const HASTE = 0.03;
const NEVER = new AbortController().signal;

export class Schedule {
  /** What happened, in order; the same seed gives the same. */
  readonly trace: string[] = [];
  readonly random: () => number;
  readonly time = virtualTime();
  #turns: Turn[] = [];
  #moves = 0;
  #ids = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Waits for its turn. */
  turn(label: string, owner: object, queue?: string): Promise<void> {
    this.#moves += 1;
    return new Promise((resolve) => {
      this.#turns.push({ label, owner, queue, go: resolve });
    });
  }

  readonly pause = (ms: number, signal: AbortSignal = NEVER): Promise<void> => {
    this.#moves += 1;
    return this.time.pause(Math.ceil(ms), signal);
  };

  /** A UUID that the schedule determines. */
  readonly newId = (): string => {
    this.#ids += 1;
    return `00000000-0000-4000-8000-${String(this.#ids).padStart(12, '0')}`;
  };

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.random() * all.length)];
  }

  note(what: string): void {
    this.trace.push(what);
  }

  /** Those that wait for their turn and are its owner's are gone; of some, what they sent is on its way. */
  forget(owner: object, remains: (label: string) => boolean): readonly (() => void)[] {
    const own = this.#turns.filter((turn) => turn.owner === owner);
    this.#turns = this.#turns.filter((turn) => turn.owner !== owner);
    return own.filter(({ label }) => remains(label)).map(({ go }) => go);
  }

  /** Gives one its turn, or lets time pass. False when there is nothing that could ever happen. */
  async step(): Promise<boolean> {
    await this.#settle();
    const free = this.#turns.filter(
      ({ queue }, at) =>
        queue === undefined || this.#turns.findIndex((other) => other.queue === queue) === at,
    );
    const [next] = this.time.waits();
    if (free.length === 0 || (next !== undefined && this.chance(HASTE))) {
      if (next === undefined) return false;
      const ms = Math.max(0, next - this.time.now());
      this.note(`time +${ms}`);
      this.time.advance(ms);
      return true;
    }
    const turn = this.pick(free);
    if (turn === undefined) return false;
    this.#turns = this.#turns.filter((other) => other !== turn);
    this.note(turn.label);
    turn.go();
    return true;
  }

  /** Until nobody does anything any more without a turn. */
  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS;) {
      const before = this.#moves;
      await turnOfLoop();
      quiet = this.#moves === before ? quiet + 1 : 0;
    }
  }
}
