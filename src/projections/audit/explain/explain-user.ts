// `audit explain --user --at`: what was decided about a user's requests up to an instant, as far as the log
// held it then, and which requests had happened but were not recorded yet.
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
  /** The explanation of the latest request in `known`; null where there is none. */
  readonly latest: Explanation | null;
  readonly sentence: string;
};

const MAX_REQUESTS = 20;

/**
 * Explains which notifications a user got, and did not get, up to an instant. Requests are found by their
 * windows. A trigger that requested no notification has no verdict and is left out.
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
      : ` Requests that had happened by then, but were recorded later: ${happenedUnknown.length}.`;
  const none = `Up to ${formatInstant(at)} no notification had been requested.`;
  const sentence = `${latest?.asOf?.sentence ?? none}${later}`;
  return { userId: user, at: formatInstant(at), known, happenedUnknown, latest, sentence };
}
