// A user's requests within a span of time, the windows that they opened, and the user's channels.
import { SPANS, type UserModel } from '../../../console/pages/user.ts';
import type { Band } from '../../../console/pages/user-axis.ts';
import { parsePosition } from '../../../domain/core/positions.ts';
import { policiesAt, policyFor } from '../../../domain/policy/in-force.ts';
import type { ListedRequest } from '../../../projections/audit/history/requests.ts';
import type { ConsoleOptions } from './options.ts';
import { boundIn, choiceIn, placeIn, type Address } from './query.ts';
import { withStatus } from './requests-model.ts';

/** The most requests that one axis shows. */
const MAX_MARKS = 200;
const MAX_YEAR_MS = 253_402_300_799_999;

export async function userModel(
  parts: ConsoleOptions,
  user: string,
  address: Address,
): Promise<UserModel> {
  const span = choiceIn(address, 'span', ['day', 'week', 'month']) ?? 'week';
  const before = placeIn(address, 'before');
  const given = boundIn(address, 'from');
  await using audit = await parts.audit();
  // Without a time: the span that ends with the user's newest request.
  const newest = async (): Promise<number> => {
    const [last] = (await audit.requests({ user, limit: 1 })).requests;
    const at = Date.parse(last?.windowStart ?? last?.happenedAt ?? '');
    return Number.isNaN(at) ? Date.now() : at;
  };
  const start = given ?? (await newest()) - SPANS[span] + SPANS.day / 2;
  const from = Math.min(Math.max(start, 0), MAX_YEAR_MS - SPANS[span]);
  const to = from + SPANS[span];
  const page = await audit.requests({ user, from, to, before, limit: MAX_MARKS });
  const requests = withStatus(page.requests, parts.deliveries);
  const bands = await bandsOf(parts, page.requests);
  const channels = await parts.channels?.list(user);
  const { next, searched } = page;
  const canForget = parts.forget !== undefined;
  return { user, requests, bands, channels, from, span, before, next, searched, canForget };
}

/** The windows of the published requests, by the policies in force at their positions. */
async function bandsOf(
  { kernel }: Pick<ConsoleOptions, 'kernel'>,
  requests: readonly ListedRequest[],
): Promise<readonly Band[]> {
  const history = await kernel.policies.history();
  const changes = history.flatMap((event) => {
    const position = parsePosition(event.position);
    return position === undefined ? [] : [{ event, position }];
  });
  return requests.flatMap(({ verdict, triggerType, windowStart, position: at }): Band[] => {
    const position = parsePosition(at);
    if (verdict !== 'published' || triggerType === null || windowStart === null) return [];
    if (position === undefined) return [];
    const policy = policyFor(policiesAt(changes, position), triggerType);
    if (policy.kind === 'none') return [];
    const start = Date.parse(windowStart);
    const ms = policy.kind === 'session' ? policy.gapMs : policy.windowMs;
    return [{ triggerType, start, end: start + ms }];
  });
}
