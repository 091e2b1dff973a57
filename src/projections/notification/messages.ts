// From events to messages: contract data as the body, a CloudEvent in NATS binary mode as the headers.
// Rendering is a function of the event and its place in the list, so a message can be made again.
import { hash } from 'node:crypto';
import {
  toApplyFailed,
  toApplySucceeded,
  toNotificationRequested,
  toTriggered,
} from '../../domain/contracts/mapping.ts';
import type { ContractName } from '../../domain/contracts/schemas.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { messageId, userShare } from '../../domain/core/ids.ts';
import { formatInstant, type Instant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/ports/event-store.ts';
import type { ApplyOutcomeEvent, TriggerEventData } from '../../domain/trigger/events.ts';
import type { OutputMessage } from '../ports.ts';

/** The rules that turn a source event into a message; part of the message's id. */
export type MessageRule =
  | 'active_schedule.triggered'
  | 'notification.requested'
  | 'schedule.apply.succeeded'
  | 'schedule.apply.failed';

/** A message before it has its place in the list. */
export type Draft = {
  readonly id: string;
  readonly rule: MessageRule;
  readonly contract: ContractName;
  readonly subject: string;
  /** Aggregate id: trigger id, preview id or apply id. */
  readonly about: string;
  readonly time: Instant;
  readonly body: Uint8Array;
  readonly source: RecordedEvent;
  readonly metadata: EventMetadata;
};

/** A draft's place in the lane's list. */
export type Place = { readonly ordinal: bigint; readonly digest: string; readonly ruleset: number };

/** Names that an operator may set; no verdict depends on them. */
export type MessageNames = {
  /** Put before every subject: empty, or tokens that end in a dot. */
  readonly subjectRoot: string;
  /** `ce-source`. */
  readonly source: string;
};

/** The digest before the first message. */
export const GENESIS_DIGEST = '0'.repeat(64);

/** The chain's next value: SHA-256 of the previous value and the message's id, in hex. */
export function nextDigest(previous: string, id: string): string {
  return hash('sha256', previous + id);
}

/** Drafts `active_schedule.triggered`. */
export function draftTriggered(
  source: RecordedEvent,
  data: TriggerEventData<'TriggerRaised'>,
  metadata: EventMetadata,
  names: MessageNames,
): Draft {
  const rule = 'active_schedule.triggered';
  return {
    id: messageId(source.id, rule),
    rule,
    contract: rule,
    subject: subjectOf(names, data.mockNow !== undefined, rule, data.userId),
    about: data.triggerId,
    time: data.requestedAt,
    body: encode(toTriggered(data)),
    source,
    metadata,
  };
}

/** Drafts `notification.{channel}.requested`. */
export function draftNotification(
  source: RecordedEvent,
  data: TriggerEventData<'NotificationRequested'>,
  metadata: EventMetadata,
  windowStart: Instant,
  names: MessageNames,
): Draft {
  const rule = 'notification.requested';
  const contract = `notification.${data.channel}.requested` as const;
  const id = messageId(source.id, rule);
  return {
    id,
    rule,
    contract,
    subject: subjectOf(names, data.mock, contract, data.userId),
    about: data.previewId,
    time: data.requestedAt,
    body: encode(toNotificationRequested(data, { id, windowStart })),
    source,
    metadata,
  };
}

/** Drafts `schedule.apply.succeeded` or `schedule.apply.failed`; pretend time is never applied. */
export function draftApplied(
  source: RecordedEvent,
  event: ApplyOutcomeEvent,
  metadata: EventMetadata,
  names: MessageNames,
): Draft {
  const { applyId, userId } = event.data;
  const isDone = event.type === 'ApplySucceeded';
  const rule = isDone ? 'schedule.apply.succeeded' : 'schedule.apply.failed';
  return {
    id: messageId(source.id, rule),
    rule,
    contract: rule,
    subject: subjectOf(names, false, rule, userId),
    about: applyId,
    time: metadata.recordedAt,
    body: encode(isDone ? toApplySucceeded(event.data) : toApplyFailed(event.data)),
    source,
    metadata,
  };
}

/** The message of a draft at its place. */
export function render(draft: Draft, place: Place, names: MessageNames): OutputMessage {
  const { source, metadata } = draft;
  const headers: (readonly [string, string])[] = [
    ['ce-specversion', '1.0'],
    ['ce-id', draft.id],
    ['ce-source', names.source],
    ['ce-type', draft.contract],
    ['ce-dataschema', `urn:tocsin:${draft.contract}:1`],
    ['ce-subject', draft.about],
    ['ce-time', formatInstant(draft.time)],
    ['content-type', 'application/json'],
    ['Tocsin-Ordinal', String(place.ordinal)],
    ['Tocsin-Position', formatPosition(source.position)],
    ['Tocsin-Stream', source.stream],
    ['Tocsin-Revision', String(source.revision)],
    ['Tocsin-Ruleset', String(place.ruleset)],
    ['Tocsin-Digest', place.digest],
  ];
  if (metadata.traceparent !== undefined) headers.push(['traceparent', metadata.traceparent]);
  return { subject: draft.subject, headers, data: draft.body };
}

/** `{root}[mock.]{contract}.{pp}.{user}`; mock traffic has subjects of its own (W23). */
function subjectOf(
  names: MessageNames,
  mock: boolean,
  contract: ContractName,
  user: string,
): string {
  const prefix = `${names.subjectRoot}${mock ? 'mock.' : ''}${contract}`;
  return `${prefix}.${userShare(user)}.${encodeSubjectToken(user)}`;
}

/** A user id as one subject token; `%2E` stands for the dot, and no id holds a percent sign. */
export function encodeSubjectToken(user: string): string {
  return user.replaceAll('.', '%2E');
}

const encoder = new TextEncoder();

function encode(body: object): Uint8Array {
  return encoder.encode(JSON.stringify(body));
}
