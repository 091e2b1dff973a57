// Parses positions and times on the command line of an audit.
import { TocsinError } from '../../domain/core/errors.ts';
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import { parsePosition } from '../../domain/core/positions.ts';
import type { Bound } from '../../projections/audit/reading/reading.ts';

/** A position (`commit/prepare`, or one number for both) or a time. */
export function boundOf(option: string, text: string | undefined): Bound | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position !== undefined) return { position };
  const time = parseInstant(text);
  if (time.ok) return { time: time.value };
  throw new TocsinError(
    'usage',
    'invalid_place',
    `${option} ${time.error}, and is not a position`,
    {
      hint: 'Use commit/prepare, such as 1234/1234, or a time such as 2026-04-30T10:17:42+08:00.',
    },
  );
}

/** A time. */
export function timeOf(option: string, text: string): Instant {
  const time = parseInstant(text);
  if (time.ok) return time.value;
  throw new TocsinError('usage', 'invalid_time', `${option} ${time.error}`, {
    hint: 'Use RFC 3339 with an offset, such as 2026-04-30T10:17:42+08:00.',
  });
}
