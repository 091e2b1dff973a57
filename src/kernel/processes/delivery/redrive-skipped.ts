// Redrives deliveries that were skipped for want of a channel, as soon as the user has an open channel.
import { isOver } from '../../../domain/core/signals.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { callHost } from '../../decider/host-calls.ts';
import type { FindChannel } from './open-channel.ts';
import { silentReport, type Process, type ProcessReport } from '../due/process.ts';
import type { RedriveMark } from './delivery-index.ts';
import { otherLog, type IsSameLog } from './known-log.ts';
import { NO_CHANNEL_REASONS, type ListOptions } from './delivery-list.ts';
import { changeDelivery, type DeliveryContext } from './delivery-decider.ts';

export type RedriveSkippedOptions = Omit<ListOptions, 'store' | 'kernel'> & {
  readonly records: DeliveryContext;
  readonly findChannel: FindChannel;
  /** False while another log is in place, for instance an older copy. Default: it never is. */
  readonly isSameLog?: IsSameLog | undefined;
};

/** Users read at once. */
const BATCH = 100;
/** Users whose channels are looked up at once: a lookup that hangs delays few others. */
const CONCURRENCY = 16;
/** Rows read per user; a preview lives for an hour, so there are few. */
const MAX_ROWS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** Marks that wait in memory; with so many, no later ones are read until some are over. */
const MAX_HELD = 10_000;

export function redriveSkippedProcess(options: RedriveSkippedOptions): Process {
  const { index, marked, runtime } = options;
  return {
    name: 'delivery-redrive',
    async run(signal, report = silentReport) {
      /** Marks whose redrive failed, and until when they wait: later marks are read meanwhile. */
      const held = new Map<string, number>();
      while (!signal.aborted) {
        const at = runtime.elapsed();
        for (const [key, until] of held) if (until <= at) held.delete(key);
        const all = index.marks(BATCH + held.size);
        const marks = all.filter((mark) => !held.has(keyOf(mark)));
        const failed = await redriveUsers(options, marks, signal, report);
        for (const mark of failed) {
          if (held.size < MAX_HELD) held.set(keyOf(mark), runtime.elapsed() + LONGEST_WAIT_MS);
        }
        if (held.size === 0) report.works();
        if (marks.length < BATCH || held.size >= MAX_HELD) {
          const waits = [...held.values()].map((until) => until - runtime.elapsed());
          const waitMs = Math.max(1, Math.min(LONGEST_WAIT_MS, ...waits));
          await marked.sleep(runtime.pause, waitMs, signal);
        }
      }
    },
  };
}

/** A user whose channel changes again has another mark, which does not wait. */
function keyOf({ userId, since }: RedriveMark): string {
  return `${since} ${userId}`;
}

/** Redrives the users of these marks; returns those whose redrive failed. */
async function redriveUsers(
  options: RedriveSkippedOptions,
  marks: readonly RedriveMark[],
  signal: AbortSignal,
  report: ProcessReport,
): Promise<readonly RedriveMark[]> {
  const { index, logger = silentLogger } = options;
  const queue = [...marks];
  const failed: RedriveMark[] = [];
  const work = async (): Promise<void> => {
    for (let mark = queue.shift(); mark !== undefined; mark = queue.shift()) {
      if (isOver(signal)) return;
      try {
        await redriveUser(options, mark, signal);
        // What was redriven in a copy of the log is not redriven in the log.
        if ((await options.isSameLog?.()) === false) throw otherLog();
        index.unmark(mark);
      } catch (error) {
        if (isOver(signal)) return;
        failed.push(mark);
        report.waits(error instanceof Error ? error.message : String(error));
        const { userId } = mark;
        logger.warn({ userId, err: error }, 'skipped deliveries were not redriven; try again');
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return failed;
}

async function redriveUser(
  { index, records, runtime, findChannel }: RedriveSkippedOptions,
  { userId }: RedriveMark,
  stop: AbortSignal,
): Promise<void> {
  const skipped = index.list({ userId, status: 'skipped', limit: MAX_ROWS });
  const open = new Map<string, boolean>();
  for (const { stream, channel, reason, expiresAt } of skipped) {
    if (expiresAt <= runtime.now() || !NO_CHANNEL_REASONS.has(reason ?? '')) continue;
    const what = `the lookup of the channel ${channel}`;
    const isOpen =
      open.get(channel) ??
      (await callHost(runtime, { what, stop }, (signal) => findChannel(userId, channel, signal)))
        .kind === 'open';
    open.set(channel, isOpen);
    if (!isOpen) continue;
    const command = { kind: 'redrive', reason: 'channel_configured', of: 'skipped' } as const;
    await changeDelivery(records, stream, command);
  }
}
