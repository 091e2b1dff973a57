// A map from UUID to a number, in 24 bytes per slot. Verify must remember something of every stream and of every
// request, and the log has them in no order that could be merged. A table in the scratch read model would cost a write
// per event; strings in a Map take 40 MB per million. All bits of the UUID are compared: a part of them can be forged.

/** Slots of an empty map; doubled when two thirds are full. */
const FIRST_SLOTS = 1 << 12;
const WORDS = 4;
const EMPTY = 0;

export class Fingerprints {
  #slots = FIRST_SLOTS;
  #size = 0;
  #keys = new Uint32Array(FIRST_SLOTS * WORDS);
  /** The value plus 1; 0 for a free slot. */
  #values = new Float64Array(FIRST_SLOTS);
  /** The words of the UUID that was looked up last. */
  readonly #key = new Uint32Array(WORDS);

  get size(): number {
    return this.#size;
  }

  /** The number that was set; `undefined` when there is none. */
  get(uuid: string): number | undefined {
    const value = this.#values[this.#slotOf(uuid)] ?? EMPTY;
    return value === EMPTY ? undefined : value - 1;
  }

  /** @param value an integer from 0 to 2^53 - 2 */
  set(uuid: string, value: number): void {
    const slot = this.#slotOf(uuid);
    if (this.#values[slot] === EMPTY) this.#size += 1;
    this.#keys.set(this.#key, slot * WORDS);
    this.#values[slot] = value + 1;
    if (this.#size * 3 > this.#slots * 2) this.#grow();
  }

  #slotOf(uuid: string): number {
    readWords(uuid, this.#key);
    return this.#find(this.#key);
  }

  #find(key: Uint32Array): number {
    const [a = 0, b = 0, c = 0, d = 0] = key;
    const mask = this.#slots - 1;
    const keys = this.#keys;
    let slot = (a ^ d) & mask;
    while (this.#values[slot] !== EMPTY) {
      const at = slot * WORDS;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#slots *= 2;
    this.#keys = new Uint32Array(this.#slots * WORDS);
    this.#values = new Float64Array(this.#slots);
    values.forEach((value, at) => {
      if (value === EMPTY) return;
      const key = keys.subarray(at * WORDS, (at + 1) * WORDS);
      const slot = this.#find(key);
      this.#keys.set(key, slot * WORDS);
      this.#values[slot] = value;
    });
  }
}

/** Reads the digits by their codes: `parseInt` of parts takes four times as long. */
function readWords(uuid: string, into: Uint32Array): void {
  let word = 0;
  let digits = 0;
  for (let at = 0; at < uuid.length; at += 1) {
    const code = uuid.charCodeAt(at);
    if (code === HYPHEN) continue;
    word = (word << 4) | (code <= NINE ? code - ZERO : (code | LOWER) - BEFORE_A);
    digits += 1;
    if (digits % 8 !== 0) continue;
    into[digits / 8 - 1] = word >>> 0;
    word = 0;
  }
}

const [HYPHEN, ZERO, NINE, LOWER, BEFORE_A] = [0x2d, 0x30, 0x39, 0x20, 0x61 - 10];
