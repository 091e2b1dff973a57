// How much memory a value from outside takes, roughly.

/** What a value of any kind takes besides its text. */
const VALUE_BYTES = 32;
/** A value with more parts counts as this many: it may refer to itself. */
const MOST_PARTS = 10_000;

export function roughBytes(value: unknown): number {
  const pending = [value];
  let bytes = 0;
  for (let parts = 0; pending.length > 0 && parts < MOST_PARTS; parts += 1) {
    const next = pending.pop();
    bytes += VALUE_BYTES;
    if (typeof next === 'string') bytes += next.length * 2;
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, child] of Object.entries(next)) {
      bytes += key.length * 2;
      pending.push(child);
    }
  }
  return bytes;
}
