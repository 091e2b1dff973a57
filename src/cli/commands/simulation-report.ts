// Formats the result of a simulation as a table.
import { formatDuration } from '../../domain/core/durations.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { policyTexts, type Sides } from '../../projections/audit/simulate/document.ts';
import type {
  Difference,
  Replacement,
  SideFigures,
  SimulatedVerdict,
  SimulationResult,
} from '../../projections/audit/simulate/simulate.ts';
import type { Gap } from '../../projections/audit/simulate/simulate-sent.ts';

/** Rows of days and users in the table; the JSON document has all days. */
const ROWS_SHOWN = 10;

export function simulationLines(
  result: SimulationResult,
  named: Sides,
  axis: string,
  limitPerMinute: number,
): readonly string[] {
  const { before, after, users, firstDifference } = result;
  const row = (what: string, of: (side: SideFigures) => string | number): string =>
    cells(what, of(before), of(after));
  const days = largestDays(result);
  return [
    `before: ${sideText(named.before)}`,
    `after:  ${sideText(named.after)}`,
    `${result.requests} requests, measured on ${axis}; mock traffic is left out`,
    '',
    cells('', 'before', 'after'),
    row('notifications', ({ published }) => published),
    row('suppressed', ({ suppressed }) => suppressed),
    row('parked', ({ parked }) => parked),
    cells('newly suppressed, newly sent', `-${result.newlySuppressed}`, `+${result.newlySent}`),
    row('users notified', ({ usersNotified }) => usersNotified),
    row('shortest gap', ({ shortestGap }) => lengthOf(shortestGap)),
    row('longest silence while held back', ({ longestSilence }) => lengthOf(longestSilence)),
    row('peak in a minute', ({ peakMinute }) => peakMinute?.notices ?? 0),
    row(`minutes over ${limitPerMinute}`, ({ minutesOverLimit }) => minutesOverLimit),
    '',
    ...reasonLines(before, after),
    '',
    `${users.more} users would get more, ${users.fewer} fewer, ${users.same} the same number.`,
    ...users.largest
      .slice(0, ROWS_SHOWN)
      .map((user) => cells(`user ${user.user}`, user.before, user.after)),
    ...(days.length === 0 ? [] : ['', 'Days that differ most:']),
    ...days.map(({ day, ...pair }) =>
      cells(formatInstant(day).slice(0, 10), pair.before, pair.after),
    ),
    '',
    ...(firstDifference === undefined
      ? ['Each request gets the same verdict.']
      : differenceLines(firstDifference)),
  ];
}

function reasonLines(before: SideFigures, after: SideFigures): string[] {
  const reasons = new Set([...Object.keys(before.reasons), ...Object.keys(after.reasons)]);
  return [...reasons]
    .sort()
    .map((reason) => cells(reason, before.reasons[reason] ?? 0, after.reasons[reason] ?? 0));
}

function largestDays({ days }: SimulationResult): SimulationResult['days'] {
  return days
    .filter((day) => day.before !== day.after)
    .toSorted((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
    .slice(0, ROWS_SHOWN);
}

function differenceLines(difference: Difference): string[] {
  const { triggerId, user, triggerType, at, position, before, after } = difference;
  const words = ({ verdict, reason, basis }: SimulatedVerdict): string =>
    `${verdict}, ${reason}${basis === null ? '' : ` (${basis})`}`;
  return [
    `First difference: ${triggerId}, user ${user}, ${triggerType}, ${formatInstant(at)}, ` +
      `at ${formatPosition(position)}`,
    `  before: ${words(before)}`,
    `  after:  ${words(after)}`,
  ];
}

const WIDTHS = { what: 40, side: 14 };

function cells(what: string, before: string | number, after: string | number): string {
  const side = (value: string | number): string => String(value).padStart(WIDTHS.side);
  return `${what.padEnd(WIDTHS.what)}${side(before)}${side(after)}`;
}

function sideText(policies: Replacement | undefined): string {
  if (policies === undefined) return 'the policies in the log';
  return Object.entries(policyTexts(policies))
    .map(([type, text]) => `${type}: ${text}`)
    .join('; ');
}

function lengthOf(length: Pick<Gap, 'ms'> | undefined): string {
  return length === undefined ? '-' : formatDuration(length.ms);
}
