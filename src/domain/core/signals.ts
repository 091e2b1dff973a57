/**
 * True once the signal is aborted. A function, because the compiler assumes that a property keeps the value
 * that it had at the last read.
 */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
