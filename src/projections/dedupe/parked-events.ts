// Which events are parked (dead letters) after a number of decisions: for each event the last decision counts.
import type { ParkedRow } from '../read-model.ts';

/** The decisions of one page, or of several pages in their order. */
export class ParkedEvents {
  readonly #parked = new Map<string, ParkedRow>();
  readonly #unparked = new Set<string>();

  park(row: ParkedRow): void {
    // Rows are listed in the order of their last decision.
    this.#parked.delete(row.event);
    this.#parked.set(row.event, row);
    this.#unparked.delete(row.event);
  }

  unpark(event: string): void {
    this.#parked.delete(event);
    this.#unparked.add(event);
  }

  /** True or false where a decision was made about the event; otherwise undefined. */
  isParked(event: string): boolean | undefined {
    if (this.#parked.has(event)) return true;
    return this.#unparked.has(event) ? false : undefined;
  }

  rows(): { readonly parked: readonly ParkedRow[]; readonly unparked: readonly string[] } {
    return { parked: [...this.#parked.values()], unparked: [...this.#unparked] };
  }
}
