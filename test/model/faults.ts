// The faults of a run: so many at most, each where the seed wants it; then everything is left in peace.
import type { Fault, StoreOperation } from '../../src/adapters/eventstore/memory/faults.ts';
import type { RecordingOutput } from '../../src/testing.ts';
import type { Life } from './life.ts';
import type { Schedule } from './schedule.ts';

/** How often one of the possible faults happens, where there is a place for one. */
const FAULTY = 0.04;

export class Faults {
  readonly #schedule: Schedule;
  #left: number;
  #stored = 0;
  /** Whoever looks at the world from outside, and an operator, is spared. */
  #spared = true;

  constructor(schedule: Schedule, count: number) {
    this.#schedule = schedule;
    this.#left = count;
  }

  get areOver(): boolean {
    return this.#left === 0;
  }

  /** So many messages were stored at some time: the server may have lost some since. */
  everStored(output: RecordingOutput): bigint {
    return BigInt(Math.max(this.#stored, output.messages.length));
  }

  begin(): void {
    this.#spared = false;
  }

  end(): void {
    this.#spared = true;
  }

  async spare<T>(work: () => Promise<T>): Promise<T> {
    this.end();
    const result = await work();
    this.begin();
    return result;
  }

  /** What goes wrong with an operation of the store. */
  readonly ofStore = (operation: StoreOperation): Fault | undefined => {
    if (operation.kind === 'append') {
      if (!this.#strikes('the answer to an append is lost')) return undefined;
      return { fault: 'unknown', written: this.#schedule.chance(0.5) };
    }
    if (operation.kind === 'deliver') {
      return this.#strikes('a subscription breaks') ? { fault: 'drop' } : undefined;
    }
    return this.#strikes('a read fails') ? { fault: 'unavailable' } : undefined;
  };

  /** Whether somebody dies at what no turn can come between. */
  diesAt(name: string, effect: string): 'before' | 'after' | undefined {
    if (!this.#strikes(`${name} dies at ${effect}`)) return undefined;
    return this.#schedule.chance(0.5) ? 'before' : 'after';
  }

  /** Between two turns: a death, or what happens to the output. */
  disturb(output: RecordingOutput, lives: Iterable<Life>): void {
    const schedule = this.#schedule;
    const stored = output.messages.length;
    const next = BigInt(stored + 1 + Math.floor(schedule.random() * 3));
    const death = (): void => schedule.pick([...lives].filter((life) => !life.isDead))?.die();
    const faults: readonly (readonly [string, () => void])[] = [
      ['death', death],
      ['death', death],
      ['death', death],
      ['the sessions end', output.disconnect],
      ['acks are held', output.holdAcks],
      ['acks are let go', output.releaseAcks],
      [
        'an ack is lost',
        () => {
          output.failAt(next, 'ack_lost');
        },
      ],
      [
        'no room',
        () => {
          output.failAt(next, { kind: 'unavailable', message: 'no room' });
        },
      ],
      [
        'the server loses what it acknowledged',
        () => {
          this.#stored = Math.max(this.#stored, stored);
          if (stored > 0) output.dropLast(1 + Math.floor(schedule.random() * 4));
        },
      ],
    ];
    const [what, strike] = schedule.pick(faults) ?? ['nothing', death];
    if (this.#strikes(what)) strike();
  }

  #strikes(what: string): boolean {
    if (this.#spared || this.#left === 0 || !this.#schedule.chance(FAULTY)) return false;
    this.#left -= 1;
    this.#schedule.note(`fault: ${what}`);
    return true;
  }
}
