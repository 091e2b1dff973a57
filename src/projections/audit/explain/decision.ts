// What was decided about one request for a notification: its verdict, the sent notification that the verdict
// depends on, and the other requests that this notification suppressed.
import type { ControlEvent } from '../../../domain/control/events.ts';
import { evolveControl, initialControl } from '../../../domain/control/state.ts';
import { formatInstant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import { mutedUntil, policiesAt, policyFor } from '../../../domain/policy/in-force.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import { REASONS } from '../../../domain/policy/reasons.ts';
import type { TriggerEvent } from '../../../domain/trigger/events.ts';
import type { VerdictRow } from '../../read-model.ts';
import { requestOf, type DecidedRequest, type ExplainSources, type Found } from './events.ts';

export type RequestView = {
  readonly triggerId: string;
  readonly triggerType: string;
  readonly happenedAt: string;
  readonly recordedAt: string;
  readonly position: string;
  readonly verdict: VerdictRow['verdict'];
  readonly reason: string;
};

type RequestTimes = Pick<RequestView, 'triggerId' | 'happenedAt' | 'recordedAt' | 'position'>;

/** A request that was suppressed because of a sent notification. */
export type SuppressedView = RequestTimes & Pick<RequestView, 'reason'>;

/** The sent notification that a decision depends on. */
export type SentNotificationView = RequestTimes & {
  readonly id: string;
  readonly sequence: string | null;
};

/** What was decided about a trigger's request for a notification, and why. */
export type DecisionView = {
  readonly verdict: VerdictRow['verdict'];
  readonly reason: string;
  readonly meaning: string;
  /** Where in the log it was decided. */
  readonly position: string;
  readonly ruleset: number;
  /** The dedupe policy in force there. */
  readonly policy: string;
  readonly windowStart: string | null;
  /** The notification's id and its sequence in the output stream; null where none was sent. */
  readonly notificationId: string | null;
  readonly sequence: string | null;
  /** The sent notification that holds the window: this request's own, or an earlier one. */
  readonly notice: SentNotificationView | null;
};

const MEANINGS: Readonly<Record<string, string>> = {
  ...REASONS.published,
  ...REASONS.suppressed,
  ...REASONS.parked,
};

/** How many verdicts of a user are searched for suppressed requests, and how many are shown. */
const MAX_NEIGHBOURS = 200;
const MAX_SUPPRESSED = 10;

/** A sent notification, and the request that it was sent for. */
export type Sent = DecidedRequest & { readonly id: string };

/** The sent notification with this id; `undefined` where its request cannot be read. */
export async function sentOf(
  { log, verdicts }: ExplainSources,
  id: string,
): Promise<Sent | undefined> {
  const row = verdicts.verdictOfMessage(id);
  const request = row && (await requestOf(log, row));
  return request && { id, ...request };
}

/** The verdict about a request. A request that was decided again has it at the operator's decision. */
export function decisionOf(
  { verdicts }: ExplainSources,
  { recorded }: Found<TriggerEvent>,
  control: readonly Found<ControlEvent>[],
): VerdictRow | undefined {
  const again = control
    .filter(({ event }) => operatorsWordOn(event) === recorded.id)
    .map((found) => found.recorded.position);
  return [recorded.position, ...again]
    .map((position) => verdicts.verdictAt(position))
    .findLast((row) => row?.event === recorded.id);
}

/** The event that an operator decided about: a parked one, or a muted request. */
export function operatorsWordOn({ type, data }: ControlEvent): string | undefined {
  return type === 'ParkResolved' || type === 'RequestReleased' ? data.event : undefined;
}

/** Other requests of the user that were suppressed because `sent` holds the window; the nearest ten. */
export async function suppressedBy(
  { log, verdicts }: ExplainSources,
  user: string,
  sent: Sent | undefined,
  own: VerdictRow | undefined,
): Promise<{ readonly shown: readonly SuppressedView[]; readonly more: boolean }> {
  const windowStart = sent?.row.windowStart;
  if (sent === undefined || windowStart === null || windowStart === undefined) {
    return { shown: [], more: false };
  }
  const near = verdicts.verdictsAbout(user, {
    direction: 'forwards',
    windowStart,
    limit: MAX_NEIGHBOURS,
  });
  const suppressed = near.filter(
    ({ verdict, basis, event }) =>
      verdict === 'suppressed' && basis === sent.id && event !== own?.event,
  );
  const shown: SuppressedView[] = [];
  for (const row of suppressed.slice(0, MAX_SUPPRESSED)) {
    const request = await requestOf(log, row);
    if (request !== undefined) shown.push({ ...timesOf(request), reason: row.reason });
  }
  return { shown, more: suppressed.length > MAX_SUPPRESSED || near.length === MAX_NEIGHBOURS };
}

export function decisionView(
  row: VerdictRow,
  control: readonly Found<ControlEvent>[],
  triggerType: string,
  sent: Sent | undefined,
): DecisionView {
  const { verdict, reason, position, ruleset, windowStart, messageId, sequence } = row;
  const { policyChanges } = control.reduce(
    (state, { event, recorded }) => evolveControl(state, event, recorded),
    initialControl,
  );
  const inForce = policiesAt(policyChanges, position);
  const muted = mutedUntil(inForce, triggerType);
  const mute =
    reason === 'silenced' && muted !== undefined ? `, muted until ${formatInstant(muted)}` : '';
  return {
    verdict,
    reason,
    meaning: MEANINGS[reason] ?? reason,
    position: formatPosition(position),
    ruleset,
    policy: `${formatPolicy(policyFor(inForce, triggerType))}${mute}`,
    windowStart: windowStart === null ? null : formatInstant(windowStart),
    notificationId: messageId,
    sequence: sequenceText(sequence),
    notice:
      sent === undefined
        ? null
        : { id: sent.id, ...timesOf(sent), sequence: sequenceText(sent.row.sequence) },
  };
}

export function requestView(request: DecidedRequest): RequestView {
  const { triggerId, ...times } = timesOf(request);
  const { verdict, reason } = request.row;
  return { triggerId, triggerType: request.data.triggerType, ...times, verdict, reason };
}

function timesOf({ row, found, data }: DecidedRequest): RequestTimes {
  return {
    triggerId: data.triggerId,
    happenedAt: formatInstant(data.triggerRequestedAt),
    recordedAt: formatInstant(found.metadata.recordedAt),
    position: formatPosition(row.position),
  };
}

function sequenceText(sequence: bigint | null): string | null {
  return sequence === null ? null : String(sequence);
}
