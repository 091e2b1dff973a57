// Reads deliveries from the file of the store without any code of the product, and compares them with the calls
// that a receiver got.
import { storedEvents, type StoredRow } from '../support/stored-events.ts';

/** One call that a receiver got. */
export type HeardCall = {
  readonly notificationId: string;
  readonly attempt: number;
  /** Its answer; `undefined` when the caller was gone before. */
  readonly answered: number | undefined;
};

export type DeliveryRecord = {
  readonly notificationId: string;
  /** How it ended; `undefined` while it has not. */
  readonly end: string | undefined;
  /** Started attempts, in log order. */
  readonly begun: readonly number[];
  /** The outcome events of each attempt, in log order. */
  readonly said: ReadonlyMap<number, readonly string[]>;
};

/** The events that end a delivery. */
export const ENDS: ReadonlySet<string> = new Set([
  'AttemptSucceeded',
  'DeliverySkipped',
  'DeliveryDied',
  'DeliveryExpired',
  'DeliveryCancelled',
]);

/** Every delivery of a store, by notification id. */
export function deliveryRecords(file: string): ReadonlyMap<string, DeliveryRecord> {
  const rows = [...storedEvents(file, 'tocsin.notification-')];
  const byStream = Map.groupBy(rows, ({ stream }) => stream);
  const records = [...byStream].map(([stream, own]) => recordOf(stream.slice(-36), own));
  return new Map(records.map((record) => [record.notificationId, record]));
}

function recordOf(notificationId: string, rows: readonly StoredRow[]): DeliveryRecord {
  const begun: number[] = [];
  const said = new Map<number, string[]>();
  let end: string | undefined;
  for (const { type, data } of rows) {
    const { attempt } = JSON.parse(data) as { readonly attempt?: number };
    // Of late outcomes, only a success changes the end.
    if (ENDS.has(type)) end = end === 'AttemptSucceeded' ? end : type;
    else if (type === 'DeliveryRedriven') end = undefined;
    if (attempt === undefined) continue;
    if (type === 'AttemptStarted') begun.push(attempt);
    else said.set(attempt, [...(said.get(attempt) ?? []), type]);
  }
  return { notificationId, end, begun, said };
}

/** The differences between expected notifications, deliveries and calls; empty if there are none. */
export function deliveryFaults(
  forPeople: readonly string[],
  records: ReadonlyMap<string, DeliveryRecord>,
  calls: readonly HeardCall[],
): readonly string[] {
  const faults: string[] = [];
  const wanted = new Set(forPeople);
  for (const id of wanted) if (!records.has(id)) faults.push(`${id} was never accepted`);
  for (const record of records.values()) {
    const { notificationId: id, end, begun, said } = record;
    if (!wanted.has(id)) faults.push(`${id} was accepted, and is no sent notification`);
    if (end === undefined) faults.push(`${id} has not ended`);
    if (begun.some((attempt, index) => attempt !== index + 1)) {
      faults.push(`${id} began its attempts as ${begun.join(', ')}`);
    }
    for (const attempt of begun) {
      if (!said.has(attempt)) faults.push(`no outcome is recorded of ${id}, ${attempt}`);
    }
  }
  const heard = Map.groupBy(calls, nameOf);
  for (const [which, all] of heard) {
    if (all.length > 1) faults.push(`${all.length} calls for ${which}`);
    for (const call of all) faults.push(...callFaults(call, records.get(call.notificationId)));
  }
  for (const { notificationId: id, said } of records.values()) {
    for (const [attempt, words] of said) {
      if (words.includes('AttemptSucceeded') && !heard.has(`${id}, ${attempt}`)) {
        faults.push(`${id}, ${attempt} succeeded without a call`);
      }
    }
  }
  return faults;
}

const nameOf = ({ notificationId, attempt }: HeardCall): string => `${notificationId}, ${attempt}`;

function callFaults(call: HeardCall, record: DeliveryRecord | undefined): readonly string[] {
  const { attempt, answered } = call;
  if (record?.begun.includes(attempt) !== true) return [`a call for ${nameOf(call)}, never begun`];
  const words = record.said.get(attempt) ?? [];
  // The answer is recorded, unless the worker was killed after the answer.
  const right = answered === 200 ? 'AttemptSucceeded' : 'AttemptFailed';
  if (answered !== undefined && words.includes(right)) return [];
  if (words.includes('AttemptOutcomeUnknown')) return [];
  return [`${nameOf(call)} was answered ${answered ?? 'nothing'}, recorded is ${words.join(', ')}`];
}
