// What a log has to lead to, worked out from the store's own file without a line of the product's code:
// every message in its order, every verdict with its basis. Nothing is imported but hashes, SQLite, and
// the other oracle's reading of the domain. Assumes well-formed events and the default policy.
import { createHash } from 'node:crypto';
import { storedEvents } from '../support/stored-events.ts';
import { halfHour, scopeOf, startOf } from './oracle.mjs';

export type ExpectedMessage = { readonly id: string; readonly type: string };

export type ExpectedVerdict = {
  readonly event: string;
  readonly verdict: 'published' | 'suppressed';
  /** The notification that holds the window; null for that notification itself. */
  readonly basis: string | null;
  readonly messageId: string | null;
  /** Position in the list of messages, from 1. */
  readonly ordinal: number | null;
};

export type Decided = {
  readonly events: number;
  readonly messages: readonly ExpectedMessage[];
  readonly verdicts: readonly ExpectedVerdict[];
  /** Ids of the notifications that are no mocks. */
  readonly forPeople: readonly string[];
  /** The scope of each raised trigger, in the log's order; twice where a trigger was raised twice. */
  readonly scopes: readonly string[];
  /** SHA-256 of the sorted lines `user:type:windowStart` of the notifications. */
  readonly dedupeKeysSha256: string;
};

const NAMESPACE = Buffer.from('6f1c5a0e3b525c7e9d4a7a2f4e0b8c11', 'hex');

/** UUIDv5 of a message, by RFC 9562. */
function messageId(event: string, rule: string): string {
  const name = `message:${event}:${rule}`;
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [0, 8, 12, 16, 20, 32]
    .slice(0, -1)
    .map((from, i) => hex.slice(from, [8, 12, 16, 20, 32][i]))
    .join('-');
}

type Row = { readonly id: string; readonly type: string; readonly data: Record<string, unknown> };

function* triggerEvents(file: string): Generator<Row, void, undefined> {
  for (const { id, type, data } of storedEvents(file, 'tocsin.trigger-')) {
    yield { id, type, data: JSON.parse(data) as Row['data'] };
  }
}

/** The scope of a raised trigger, as the oracle has it for the line that it came from. */
function scopeOfTrigger(data: Row['data']): string {
  return scopeOf({
    user_id: data['userId'],
    trigger_type: data['triggerType'],
    target_type: data['targetType'],
    target_id: data['targetId'],
    requested_at: data['requestedAt'],
    mock_now: data['mockNow'],
    feedback_id: data['feedbackId'],
    idempotency_key: data['idempotencyKey'],
  });
}

/** Decides a whole log. */
export function decideLog(file: string): Decided {
  const messages: ExpectedMessage[] = [];
  const verdicts: ExpectedVerdict[] = [];
  const forPeople: string[] = [];
  const scopes: string[] = [];
  const keys: string[] = [];
  const holders = new Map<string, string>();
  let events = 0;
  for (const { id, type, data } of triggerEvents(file)) {
    events += 1;
    if (type === 'TriggerRaised') {
      scopes.push(scopeOfTrigger(data));
      const contract = typeof data['contract'] === 'string' ? data['contract'] : 'trigger.raised';
      messages.push({ id: messageId(id, contract), type: contract });
    }
    if (type !== 'NotificationRequested') continue;
    const [user, kind] = [String(data['userId']), String(data['triggerType'])];
    const bucket = halfHour(String(data['triggerRequestedAt']));
    const window = JSON.stringify([data['mock'], user, kind, bucket]);
    const holder = holders.get(window);
    if (holder !== undefined) {
      const verdict = 'suppressed' as const;
      verdicts.push({ event: id, verdict, basis: holder, messageId: null, ordinal: null });
      continue;
    }
    const notification = messageId(id, 'notification.requested');
    holders.set(window, notification);
    if (data['mock'] !== true) forPeople.push(notification);
    keys.push(`${user}:${kind}:${startOf(bucket)}\n`);
    messages.push({ id: notification, type: `notification.${String(data['channel'])}.requested` });
    const [verdict, ordinal] = ['published' as const, messages.length];
    verdicts.push({ event: id, verdict, basis: null, messageId: notification, ordinal });
  }
  const sorted = keys.map((key) => Buffer.from(key)).sort((a, b) => Buffer.compare(a, b));
  const dedupeKeysSha256 = createHash('sha256').update(Buffer.concat(sorted)).digest('hex');
  return { events, messages, verdicts, forPeople, scopes, dedupeKeysSha256 };
}

/** How a list of ids differs from the one that it should be. */
export type Difference = {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Messages that are not expected. */
  readonly strange: number;
  /** The first few, in words. */
  readonly examples: readonly string[];
};

/** Compares two lists of ids. */
export function compareLists(expected: readonly string[], found: readonly string[]): Difference {
  const positions = new Map(expected.map((id, index) => [id, index]));
  const seen = new Set<string>();
  const counts = { lost: 0, duplicated: 0, reordered: 0, strange: 0 };
  const examples: string[] = [];
  const count = (what: keyof typeof counts, id: string, at: number | string): void => {
    counts[what] += 1;
    if (examples.length < 20) examples.push(`${what}: ${id} at ${at}`);
  };
  let furthest = -1;
  for (const [at, id] of found.entries()) {
    const position = positions.get(id);
    if (position === undefined) count('strange', id, at);
    else if (seen.has(id)) count('duplicated', id, at);
    else {
      if (position < furthest) count('reordered', id, at);
      furthest = Math.max(furthest, position);
      seen.add(id);
    }
  }
  for (const [index, id] of expected.entries()) if (!seen.has(id)) count('lost', id, index);
  return { ...counts, examples };
}
