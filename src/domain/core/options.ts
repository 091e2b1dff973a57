// Checks numbers that an embedder gives as options: NaN, text and values out of range would make a part hang or spin.
import { TocsinError } from './errors.ts';

/**
 * The number, if it is in its range.
 *
 * @param name names the option in the error, such as `concurrency`
 * @throws TocsinError `invalid_option`
 */
export function checkedNumber(
  name: string,
  value: number,
  [least, most]: readonly [least: number, most: number],
  kind: 'whole' | 'any' = 'whole',
): number {
  const given: unknown = value;
  const isNumber = typeof given === 'number' && given >= least && given <= most;
  if (isNumber && (kind === 'any' || Number.isInteger(given))) return value;
  const shown = typeof given === 'number' ? String(given) : typeof given;
  const wanted = `a ${kind === 'whole' ? 'whole ' : ''}number from ${least} to ${most}`;
  throw new TocsinError('usage', 'invalid_option', `${name} is ${shown}`, {
    hint: `Use ${wanted}, or leave it out.`,
  });
}

/** The longest time, in milliseconds, that a timer can wait. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
