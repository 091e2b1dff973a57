// Which UUIDs were seen, in a few bytes each: 64 of their bits and a small number. A million take
// 40 MB as strings in a map, and 24 here. UUIDs of version 5 are hashes, so two of a billion share
// these bits by chance less often than disks fail; a difference is looked at again before it is told.

/** Slots at the beginning; doubled when two thirds are taken. */
const FIRST_SLOTS = 1 << 12;
const EMPTY = 0;

/** A map from UUID to a small number of at least 0. */
export class Fingerprints {
  #slots = FIRST_SLOTS;
  #size = 0;
  #high = new Uint32Array(FIRST_SLOTS);
  #low = new Uint32Array(FIRST_SLOTS);
  /** The value and one; 0 for a slot that is free. */
  #values = new Uint32Array(FIRST_SLOTS);

  get size(): number {
    return this.#size;
  }

  /** The number that was set; `undefined` when there is none. */
  get(uuid: string): number | undefined {
    const value = this.#values[this.#slotOf(highOf(uuid), lowOf(uuid))] ?? EMPTY;
    return value === EMPTY ? undefined : value - 1;
  }

  set(uuid: string, value: number): void {
    const [high, low] = [highOf(uuid), lowOf(uuid)];
    const slot = this.#slotOf(high, low);
    if (this.#values[slot] === EMPTY) this.#size += 1;
    this.#put(slot, high, low, value + 1);
    if (this.#size * 3 > this.#slots * 2) this.#grow();
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#slots - 1;
    let slot = (low ^ high) & mask;
    while (this.#values[slot] !== EMPTY && (this.#high[slot] !== high || this.#low[slot] !== low)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, high: number, low: number, value: number): void {
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#values[slot] = value;
  }

  #grow(): void {
    const [highs, lows, values] = [this.#high, this.#low, this.#values];
    this.#slots *= 2;
    this.#high = new Uint32Array(this.#slots);
    this.#low = new Uint32Array(this.#slots);
    this.#values = new Uint32Array(this.#slots);
    values.forEach((value, at) => {
      if (value === EMPTY) return;
      const [high, low] = [highs[at] ?? 0, lows[at] ?? 0];
      this.#put(this.#slotOf(high, low), high, low, value);
    });
  }
}

function highOf(uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8), 16) >>> 0;
}

function lowOf(uuid: string): number {
  return Number.parseInt(uuid.slice(-8), 16) >>> 0;
}
