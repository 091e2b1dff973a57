// Redrives deliveries that were skipped for want of a channel, as soon as the user has an open channel.
import { isOver } from '../../../domain/core/signals.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import type { FindChannel } from './open-channel.ts';
import { silentReport, type Process } from '../due/process.ts';
import type { RedriveMark } from './delivery-index.ts';
import { NO_CHANNEL_REASONS, type ListOptions } from './delivery-list.ts';
import { changeDelivery, type DeliveryContext } from './delivery-decider.ts';

export type RedriveSkippedOptions = Omit<ListOptions, 'store' | 'kernel'> & {
  readonly records: DeliveryContext;
  readonly findChannel: FindChannel;
};

/** Users read at once. */
const BATCH = 100;
/** Rows read per user; a preview lives for an hour, so there are few. */
const MAX_ROWS = 1_000;
const LONGEST_WAIT_MS = 30_000;

export function redriveSkippedProcess(options: RedriveSkippedOptions): Process {
  const { index, marked, runtime, logger = silentLogger } = options;
  return {
    name: 'delivery-redrive',
    async run(signal, report = silentReport) {
      while (!signal.aborted) {
        const marks = index.marks(BATCH);
        let failed = false;
        for (const mark of marks) {
          if (isOver(signal)) return;
          try {
            await redriveUser(options, mark);
            index.unmark(mark);
          } catch (error) {
            failed = true;
            report.waits(error instanceof Error ? error.message : String(error));
            const { userId } = mark;
            logger.warn({ userId, err: error }, 'skipped deliveries were not redriven; try again');
          }
        }
        if (!failed) report.works();
        if (marks.length < BATCH || failed) {
          await marked.sleep(runtime.pause, LONGEST_WAIT_MS, signal);
        }
      }
    },
  };
}

async function redriveUser(
  { index, records, runtime, findChannel }: RedriveSkippedOptions,
  { userId }: RedriveMark,
): Promise<void> {
  const skipped = index.list({ userId, status: 'skipped', limit: MAX_ROWS });
  const open = new Map<string, boolean>();
  for (const { stream, channel, reason, expiresAt } of skipped) {
    if (expiresAt <= runtime.now() || !NO_CHANNEL_REASONS.has(reason ?? '')) continue;
    const isOpen = open.get(channel) ?? (await findChannel(userId, channel)).kind === 'open';
    open.set(channel, isOpen);
    if (!isOpen) continue;
    const command = { kind: 'redrive', reason: 'channel_configured', of: 'skipped' } as const;
    await changeDelivery(records, stream, command);
  }
}
