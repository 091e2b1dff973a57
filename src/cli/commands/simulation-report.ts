// Formats the result of a simulation as a JSON document and as a table.
import { formatDuration } from '../../domain/core/durations.ts';
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { formatPolicy } from '../../domain/policy/text.ts';
import type {
  Difference,
  Replacement,
  SideFigures,
  SimulatedVerdict,
  SimulationResult,
} from '../../projections/audit/simulate/simulate.ts';
import type { Gap } from '../../projections/audit/simulate/simulate-sent.ts';

/** The policies of both sides; undefined means the policies in the log. */
export type Sides = {
  readonly before: Replacement | undefined;
  readonly after: Replacement | undefined;
};

/** Rows of days and users in the table; the JSON document has all days. */
const ROWS_SHOWN = 10;

/** The document for programs: instants as text. */
export function simulationDocument(
  result: SimulationResult,
  named: Sides,
  axis: string,
  limitPerMinute: number,
): object {
  const { before, after, days, firstDifference, users, ...counts } = result;
  const side = (figures: SideFigures, policies: Replacement | undefined): object => ({
    policies: policies === undefined ? 'as in the log' : textsOf(policies),
    ...figures,
    shortestGap: figures.shortestGap && timed(figures.shortestGap),
    longestSilence: figures.longestSilence && timed(figures.longestSilence),
    peakMinute: figures.peakMinute && {
      ...figures.peakMinute,
      minute: formatInstant(figures.peakMinute.minute),
    },
  });
  return {
    ...counts,
    axis,
    limitPerMinute,
    before: side(before, named.before),
    after: side(after, named.after),
    firstDifference: firstDifference && {
      ...firstDifference,
      position: formatPosition(firstDifference.position),
      at: formatInstant(firstDifference.at),
    },
    users,
    days: days.map(({ day, ...pair }) => ({ day: formatInstant(day).slice(0, 10), ...pair })),
  };
}

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
  return Object.entries(textsOf(policies))
    .map(([type, text]) => `${type}: ${text}`)
    .join('; ');
}

function textsOf(policies: Replacement): Readonly<Record<string, string>> {
  return Object.fromEntries([...policies].map(([type, policy]) => [type, formatPolicy(policy)]));
}

function lengthOf(length: Pick<Gap, 'ms'> | undefined): string {
  return length === undefined ? '-' : formatDuration(length.ms);
}

function timed(gap: Gap): object {
  return { ...gap, at: formatInstant(gap.at) };
}
