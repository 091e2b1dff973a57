// Renders events as messages: the body is the contract's data, the headers are a CloudEvent in NATS binary
// mode. A message depends on its event and its chain link only, so it can be made again.
import { hash } from 'node:crypto';
import {
  toApplyFailed,
  toApplySucceeded,
  toNotificationRequested,
  toTriggered,
  type NotificationFacts,
} from '../../domain/contracts/mapping.ts';
import type { ContractName } from '../../domain/contracts/schemas.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { userShare } from '../../domain/core/ids.ts';
import {
  DEFAULT_RAISED_CONTRACT,
  RAISED_CONTRACTS,
  type RaisedContract,
} from '../../domain/core/vocabulary.ts';
import { formatInstant, type Instant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { ApplyOutcomeEvent } from '../../domain/preview/events.ts';
import type { Json } from '../../domain/core/json.ts';
import type { TriggerEventData } from '../../domain/trigger/events.ts';
import type { OutputMessage } from '../output.ts';
import { quickMessageId, quickUuidOfKey } from '../uuid.ts';

/** The rules that turn a source event into a message; part of the message's id. */
export type MessageRule =
  RaisedContract | 'notification.requested' | 'schedule.apply.succeeded' | 'schedule.apply.failed';

/** True for the messages of raised triggers. */
export function isRaised(rule: MessageRule): boolean {
  return RAISED_CONTRACTS.some((contract) => contract === rule);
}

type DraftParts = {
  readonly source: RecordedEvent;
  readonly metadata: EventMetadata;
  readonly rule: MessageRule;
  readonly contract: ContractName;
  readonly subject: () => string;
  /** Aggregate id: trigger id, preview id or apply id. */
  readonly about: string;
  readonly time: Instant;
  readonly content: (id: string) => object;
  /** An upper bound of the body's size in bytes; cheaper than the size itself. */
  readonly bodyAtMost: number;
};

/** A message without its chain link. Its id and its body are computed when they are read. */
export class Draft {
  readonly parts: DraftParts;
  #id: string | undefined;
  #body: Uint8Array | undefined;

  constructor(parts: DraftParts) {
    this.parts = parts;
  }

  get id(): string {
    return (this.#id ??= quickMessageId(this.parts.source.id, this.parts.rule));
  }

  get body(): Uint8Array {
    return (this.#body ??= Buffer.from(JSON.stringify(this.parts.content(this.id))));
  }
}

/** A message's link in the digest chain of its generation. */
export type ChainLink = {
  readonly ordinal: bigint;
  readonly digest: string;
  readonly ruleset: number;
};

/** Names that an operator may set; no verdict depends on them. */
export type MessageNames = {
  /** Put before every subject: empty, or tokens that end in a dot. */
  readonly subjectRoot: string;
  /** `ce-source`. */
  readonly source: string;
};

export const GENESIS_DIGEST = '0'.repeat(64);

/** The chain's next value: SHA-256 of the previous value and the message's id, in hex. */
export function nextDigest(previous: string, id: string): string {
  return hash('sha256', previous + id);
}

export function draftTriggered(
  source: RecordedEvent,
  data: TriggerEventData<'TriggerRaised'>,
  metadata: EventMetadata,
  names: MessageNames,
): Draft {
  const { contract = DEFAULT_RAISED_CONTRACT } = data;
  return new Draft({
    source,
    metadata,
    rule: contract,
    contract,
    about: data.triggerId,
    time: data.requestedAt,
    bodyAtMost: OTHER_FIELDS_AT_MOST + jsonAtMost(data.personal.payload),
    subject: () => subjectOf(names, data.mockNow !== undefined, contract, data.userId),
    content: () => toTriggered(data),
  });
}

export function draftNotification(
  source: RecordedEvent,
  data: TriggerEventData<'NotificationRequested'>,
  metadata: EventMetadata,
  sent: NotificationFacts,
  names: MessageNames,
): Draft {
  const contract = `notification.${data.channel}.requested` as const;
  const { summary, fallbackText } = data.personal;
  return new Draft({
    source,
    metadata,
    rule: 'notification.requested',
    contract,
    about: data.previewId,
    time: data.requestedAt,
    bodyAtMost: OTHER_FIELDS_AT_MOST + jsonAtMost(summary) + jsonAtMost(fallbackText),
    subject: () => subjectOf(names, data.mock, contract, data.userId),
    content: (id) => toNotificationRequested(data, { id, ...sent }),
  });
}

/** Drafts `schedule.apply.succeeded` or `schedule.apply.failed`; never under `mock.`. */
export function draftApplied(
  source: RecordedEvent,
  event: ApplyOutcomeEvent,
  metadata: EventMetadata,
  names: MessageNames,
): Draft {
  const { applyId, userId } = event.data;
  const isDone = event.type === 'ApplySucceeded';
  const contract = isDone ? 'schedule.apply.succeeded' : 'schedule.apply.failed';
  return new Draft({
    source,
    metadata,
    rule: contract,
    contract,
    about: applyId,
    time: metadata.recordedAt,
    bodyAtMost: Infinity,
    subject: () => subjectOf(names, false, contract, userId),
    content: () => (isDone ? toApplySucceeded(event.data) : toApplyFailed(event.data)),
  });
}

/** Upper bound for the fields that are not personal: their schemas allow fewer than 1,500 UTF-16 units. */
const OTHER_FIELDS_AT_MOST = 16 * 1024;
/** A UTF-16 unit takes at most six bytes, as an escape; a number at most 25, with sign and exponent. */
const BYTES_PER_UNIT = 6;
const BYTES_PER_SCALAR = 32;

function jsonAtMost(value: Json | undefined): number {
  if (typeof value === 'string') return value.length * BYTES_PER_UNIT + BYTES_PER_SCALAR;
  if (typeof value !== 'object' || value === null) return BYTES_PER_SCALAR;
  let bytes = BYTES_PER_SCALAR;
  for (const [key, child] of Object.entries(value)) {
    bytes += key.length * BYTES_PER_UNIT + BYTES_PER_SCALAR + jsonAtMost(child);
  }
  return bytes;
}

type Header = OutputMessage['headers'][number];

// Headers that are the same in every message are made once.
const SPEC_VERSION: Header = ['ce-specversion', '1.0'];
const CONTENT_TYPE: Header = ['content-type', 'application/json'];
const typeHeaders = new Map<ContractName, readonly [type: Header, schema: Header]>();

function typeHeadersOf(contract: ContractName): readonly [type: Header, schema: Header] {
  let made = typeHeaders.get(contract);
  if (made === undefined) {
    made = [
      ['ce-type', contract],
      ['ce-dataschema', `urn:tocsin:${contract}:1`],
    ];
    typeHeaders.set(contract, made);
  }
  return made;
}

export function render(draft: Draft, link: ChainLink, names: MessageNames): OutputMessage {
  const { source, metadata, contract, subject, about, time } = draft.parts;
  const [type, schema] = typeHeadersOf(contract);
  const headers: Header[] = [
    SPEC_VERSION,
    ['ce-id', draft.id],
    ['ce-source', names.source],
    type,
    schema,
    ['ce-subject', about],
    ['ce-time', formatInstant(time)],
    CONTENT_TYPE,
    ['Tocsin-Ordinal', String(link.ordinal)],
    ['Tocsin-Position', formatPosition(source.position)],
    ['Tocsin-Stream', source.stream],
    ['Tocsin-Revision', String(source.revision)],
    ['Tocsin-Ruleset', String(link.ruleset)],
    ['Tocsin-Digest', link.digest],
  ];
  if (metadata.traceparent !== undefined) headers.push(['traceparent', metadata.traceparent]);
  return { subject: subject(), headers, data: draft.body };
}

/** `{root}[mock.]{contract}.{pp}.{user}`; mock traffic has subjects of its own, so that no consumer sends it. */
function subjectOf(
  names: MessageNames,
  mock: boolean,
  contract: ContractName,
  user: string,
): string {
  const prefix = `${names.subjectRoot}${mock ? 'mock.' : ''}${contract}`;
  return `${prefix}.${userShare(user, quickUuidOfKey)}.${encodeSubjectToken(user)}`;
}

/** A user id as one subject token: what has a meaning in a subject, and the percent sign, is percent-encoded. */
export function encodeSubjectToken(user: string): string {
  return /[%.*>]/.test(user) ? user.replace(/[%.*>]/g, (char) => ESCAPES[char] ?? char) : user;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '%': '%25',
  '.': '%2E',
  '*': '%2A',
  '>': '%3E',
};
