// The severities of a trigger and their order.

/** How urgent a trigger is, from the lowest to the highest. A policy may let a higher one through. */
export const SEVERITIES = ['low', 'normal', 'high', 'urgent'] as const;

export type Severity = (typeof SEVERITIES)[number];

/** The rank of a severity, from 0; an absent severity counts as `normal`. */
export function severityRank(severity: Severity | null | undefined): number {
  return SEVERITIES.indexOf(severity ?? 'normal');
}
