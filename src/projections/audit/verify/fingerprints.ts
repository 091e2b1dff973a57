// A map from UUID to a small number, in a few bytes per entry: 64 bits of the UUID and the number. Verify must
// remember the last revision of every stream, and the log has its streams in no order that could be merged. A
// table in the scratch read model would cost a write per event; strings in a Map take 40 MB per million, and
// these entries 24 MB. UUIDs of version 5 are hashes, so two of a billion rarely share these bits.

/** Slots of an empty map; doubled when two thirds are full. */
const FIRST_SLOTS = 1 << 12;
const EMPTY = 0;

export class Fingerprints {
  #slots = FIRST_SLOTS;
  #size = 0;
  #high = new Uint32Array(FIRST_SLOTS);
  #low = new Uint32Array(FIRST_SLOTS);
  /** The value plus 1; 0 for a free slot. */
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
