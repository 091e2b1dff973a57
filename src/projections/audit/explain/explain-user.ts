// `audit explain --user --at`: what was decided about a user's requests up to an instant, as far as the log
// held it then, and which requests had happened but were not recorded yet.
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { requestView, type RequestView } from './decision.ts';
import { requestOf, type ExplainSources } from './events.ts';
import { explain, type Explanation } from './explain.ts';

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
    const request = await requestOf(log, row);
    if (request === undefined) continue;
    const { found, data } = request;
    if (found.metadata.recordedAt <= at) known.push(requestView(request));
    else if (data.triggerRequestedAt <= at) happenedUnknown.push(requestView(request));
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
