// The result of a simulation as a document for programs: instants and positions as text.
import { formatInstant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import type { Gap } from './simulate-sent.ts';
import type { Replacement, SideFigures, SimulationResult } from './simulate.ts';

/** The policies of both sides; undefined means the policies in the log. */
export type Sides = {
  readonly before: Replacement | undefined;
  readonly after: Replacement | undefined;
};

export function simulationDocument(
  result: SimulationResult,
  named: Sides,
  axis: string,
  limitPerMinute: number,
): object {
  const { before, after, days, firstDifference, users, ...counts } = result;
  const side = (figures: SideFigures, policies: Replacement | undefined): object => ({
    policies: policies === undefined ? 'as in the log' : policyTexts(policies),
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

export function policyTexts(policies: Replacement): Readonly<Record<string, string>> {
  return Object.fromEntries([...policies].map(([type, policy]) => [type, formatPolicy(policy)]));
}

function timed(gap: Gap): object {
  return { ...gap, at: formatInstant(gap.at) };
}
