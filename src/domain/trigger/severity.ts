// How urgent a trigger is, in steps that can be compared. It decides nothing by itself: a policy may let
// a request bypass the notice that holds its window when the severity has risen.

/** From the lowest to the highest. */
export const SEVERITIES = ['low', 'normal', 'high', 'urgent'] as const;

export type Severity = (typeof SEVERITIES)[number];

/** The place of a severity among all; one that is not given counts as `normal`. */
export function severityRank(severity: Severity | null | undefined): number {
  return SEVERITIES.indexOf(severity ?? 'normal');
}
