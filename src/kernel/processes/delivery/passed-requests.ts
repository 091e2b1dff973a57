// Finds the requests that the queue has passed without a delivery record: a limit of the stream discarded their messages, or
// they were terminated while an older log was in place. The log decides what is delivered, not the queue.
import { setImmediate } from 'node:timers/promises';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { LetThrough } from '../../../projections/audit/reading/ports.ts';
import { ArchiveRecords, archivesAfter } from '../../../projections/archive-records.ts';
import { lastSeen } from '../../../projections/last-seen.ts';
import type { VerdictRow } from '../../../projections/read-model.ts';
import { readControl } from '../../control/control.ts';
import type { DueIndex } from '../due/due-index.ts';
import type { DeliveryIndexReader } from './delivery-index.ts';
import { deliveryDecider } from './delivery-decider.ts';
import type { IsSameLog } from './known-log.ts';
import { readRequest, type FoundRequest } from './read-request.ts';

export type PassedOptions = {
  readonly store: EventStore;
  readonly kernel: string;
  readonly letThrough: LetThrough;
  /** Where the last position up to which every request has a record is kept. */
  readonly index: Pick<DueIndex, 'position' | 'lastEvent' | 'commit'>;
  /** Deliveries that it has need no look at the log. */
  readonly list?: Pick<DeliveryIndexReader, 'get'> | undefined;
  /** False while another log is in place, for instance an older copy. */
  readonly isSameLog: IsSameLog;
  /** Creates the record, unless there is one. @returns true when it was created */
  readonly accept: (request: FoundRequest) => Promise<boolean>;
  readonly logger?: Logger | undefined;
};

const PAGE = 256;

/**
 * `known`: it has its record, or was never sent. `answered`: the log says that it has a record, or never gets one.
 * `accepted`: the record was created now.
 */
type Recovered = 'known' | 'answered' | 'accepted' | 'repeated';

/**
 * Creates the record of each request that has none, up to a sequence of the stream that the queue has passed. A request
 * whose life is over gets a record that says so. The kept position goes on only over records that were found in this log:
 * what was created now may be in a copy of the log that was in place for a moment.
 *
 * @returns how many had none
 */
export async function recoverPassed(
  options: PassedOptions,
  upTo: bigint,
  signal: AbortSignal,
): Promise<number> {
  const { index, letThrough, isSameLog, logger = silentLogger } = options;
  let recovered = 0;
  let isWhole = true;
  const archives = await new ArchiveRecords(options.store, options.kernel).read();
  const isArchived = ({ position }: VerdictRow): boolean =>
    archivesAfter(archives, position).length > 0;
  for (let after = await startOf(options); after !== undefined && !signal.aborted;) {
    // A new folder looks at every notification: others must get their turn meanwhile.
    await setImmediate();
    const rows = letThrough.publishedAfter(after, PAGE);
    let last: VerdictRow | undefined;
    let found: VerdictRow | undefined;
    let isAnswered = false;
    for (const row of rows) {
      // Without a sequence it was never sent: an operator has chosen to send only later messages.
      if (row.sequence !== null && row.sequence > upTo) break;
      const outcome = row.sequence === null ? 'known' : await recoverOne(options, row, isArchived);
      if (outcome === 'accepted') recovered += 1;
      isWhole &&= outcome === 'known' || outcome === 'answered';
      last = row;
      if (!isWhole) continue;
      found = row;
      isAnswered ||= outcome === 'answered';
    }
    // A copy of the log answers for itself.
    if (isAnswered && !(await isSameLog())) break;
    if (found !== undefined) {
      const { position, event: id, stream, revision } = found;
      index.commit({ position, lastEvent: { id, stream, revision }, put: [], remove: [] });
    }
    after = last === undefined || last !== rows.at(-1) ? undefined : last.position;
  }
  if (recovered > 0) {
    const about = { requests: recovered, upTo: String(upTo) };
    logger.error(
      about,
      'the stream no longer held requests without a delivery; they were found in the log',
    );
  }
  return recovered;
}

async function recoverOne(
  options: PassedOptions,
  row: VerdictRow,
  isArchived: (row: VerdictRow) => boolean,
): Promise<Recovered> {
  const { store, kernel, list, accept, logger = silentLogger } = options;
  const { messageId, user, stream, revision } = row;
  if (messageId === null || user === null || list?.get(messageId) !== undefined) return 'known';
  // The list may be behind, and a read costs less than a refused append.
  const { state } = await deliveryDecider.load(store, deliveryStream(kernel, user, messageId));
  const found =
    state === undefined
      ? await readRequest(store, kernel, { stream, revision: String(revision) })
      : undefined;
  if (found?.ok === true && !found.value.request.mock) {
    return (await accept(found.value)) ? 'accepted' : 'repeated';
  }
  // Its delivery ended before its stream left the log.
  const isOver = found?.ok === false && found.error === 'no_event' && isArchived(row);
  if (found?.ok === false && !isOver) {
    const about = { notificationId: messageId, stream, reason: found.error };
    logger.warn(about, 'a request that was let through cannot be read, and is not delivered');
  }
  return 'answered';
}

/** Where to look on; `undefined` before the first message. */
async function startOf({ store, kernel, index }: PassedOptions): Promise<Position | undefined> {
  const { output } = await readControl(store, kernel);
  if (output === undefined) return undefined;
  const [position, last] = [index.position(), index.lastEvent()];
  if (position === undefined || last === undefined) return output.after;
  if (comparePositions(position, output.after) <= 0) return output.after;
  const prefixes = [last.stream.slice(0, last.stream.indexOf('-') + 1)];
  // A log that was put back has other requests behind its end.
  const isThere = (await lastSeen(store, { last, position, prefixes })) !== undefined;
  return isThere ? position : output.after;
}
