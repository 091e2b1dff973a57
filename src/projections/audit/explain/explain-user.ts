// Explain for a user at an instant: what was decided around it, what was known then, and what had
// happened but was not known.
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import type { VerdictRow } from '../../read-model.ts';
import { triggerEventAt } from './events.ts';
import { explain, type ExplainSources, type Explanation } from './explain.ts';

/** One request near the instant. */
export type RequestView = {
  readonly triggerId: string;
  readonly triggerType: string;
  readonly happenedAt: string;
  readonly recordedAt: string;
  readonly position: string;
  readonly verdict: VerdictRow['verdict'];
  readonly reason: string;
};

/** A user's notifications around an instant. */
export type UserExplanation = {
  readonly userId: string;
  readonly at: string;
  /** What the log held at that instant, latest first. */
  readonly known: readonly RequestView[];
  /** What had happened by then, but was recorded later. */
  readonly happenedUnknown: readonly RequestView[];
  /** The story of the latest one that was known; null where there was none. */
  readonly latest: Explanation | null;
  readonly sentence: string;
};

/** Verdicts that are looked at: what a person can ask about at one instant. */
const MAX_REQUESTS = 20;

/**
 * Explains what a user was told, and not told, up to an instant. Requests for notifications are found
 * by their windows; a trigger that asked for none has no verdict and is not among them.
 */
export async function explainUser(
  sources: ExplainSources,
  user: string,
  at: Instant,
): Promise<UserExplanation> {
  const { log, verdicts } = sources;
  const span = { direction: 'backwards', windowStart: at, limit: MAX_REQUESTS } as const;
  const known: RequestView[] = [];
  const happenedUnknown: RequestView[] = [];
  for (const row of verdicts.verdictsAbout(user, span)) {
    const found = await triggerEventAt(log, row.stream, row.revision);
    if (found?.event.type !== 'NotificationRequested') continue;
    const { data } = found.event;
    const view = {
      triggerId: data.triggerId,
      triggerType: data.triggerType,
      happenedAt: formatInstant(data.triggerRequestedAt),
      recordedAt: formatInstant(found.metadata.recordedAt),
      position: formatPosition(row.position),
      verdict: row.verdict,
      reason: row.reason,
    };
    if (found.metadata.recordedAt <= at) known.push(view);
    else if (data.triggerRequestedAt <= at) happenedUnknown.push(view);
  }
  known.sort((a, b) => (a.recordedAt < b.recordedAt ? 1 : -1));
  const [last] = known;
  const latest = last === undefined ? null : await explain(sources, last.triggerId, at);
  const later =
    happenedUnknown.length === 0
      ? ''
      : ` ${happenedUnknown.length} more had happened by then, but became known later.`;
  const none = `Up to ${formatInstant(at)} no notification had been asked for.`;
  const sentence = `${latest?.asOf?.sentence ?? none}${later}`;
  return { userId: user, at: formatInstant(at), known, happenedUnknown, latest, sentence };
}
