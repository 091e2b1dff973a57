/**
 * True once the signal is raised. A function, because the compiler believes that a flag it has read once
 * stays as it was.
 */
export function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}
