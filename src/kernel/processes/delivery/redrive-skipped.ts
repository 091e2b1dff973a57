// Sends what was skipped for want of a channel, once there is one and while it is of use (W22).
import { isOver } from '../../../domain/core/signals.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import type { ChannelLookup, ChannelTarget } from '../../../domain/ports/sender.ts';
import { CHANNELS } from '../../../domain/core/vocabulary.ts';
import type { DeliveryIndex, RedriveMark } from './delivery-index.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { Process } from '../due/process.ts';
import type { WakeSignal } from '../../../domain/core/wake-signal.ts';
import { NO_CHANNEL_REASONS } from './delivery-list.ts';
import { tell, type RecordContext } from './record.ts';

export type RedriveSkippedOptions = {
  readonly index: DeliveryIndex;
  readonly records: RecordContext;
  readonly surroundings: Runtime;
  readonly lookup: ChannelLookup;
  readonly bell: WakeSignal;
  readonly logger?: Logger | undefined;
};

/** Users looked at in one go. */
const BATCH = 100;
/** Rows of a user looked at; a preview lives for an hour, so there are few. */
const MAX_ROWS = 1_000;
/** Looked at again after this although nobody rang. */
const LONGEST_WAIT_MS = 30_000;

/** The process that redrives what was skipped. */
export function redriveSkippedProcess(options: RedriveSkippedOptions): Process {
  const { index, bell, logger = silentLogger } = options;
  return {
    name: 'delivery-revive',
    async run(signal) {
      while (!signal.aborted) {
        const marks = index.marks(BATCH);
        let failed = false;
        for (const mark of marks) {
          if (isOver(signal)) return;
          try {
            await reviveUser(options, mark);
            index.unmark(mark);
          } catch (error) {
            failed = true;
            logger.warn(
              { userId: mark.userId, err: error },
              'skipped deliveries are looked at again',
            );
          }
        }
        if (marks.length < BATCH || failed) await bell.wait(LONGEST_WAIT_MS, signal);
      }
    },
  };
}

async function reviveUser(options: RedriveSkippedOptions, { userId }: RedriveMark): Promise<void> {
  const { index, records, surroundings, lookup } = options;
  const skipped = index.list({ userId, status: 'skipped', limit: MAX_ROWS });
  const open = new Map<string, boolean>();
  for (const { stream, channel, reason, expiresAt } of skipped) {
    if (expiresAt <= surroundings.now() || !NO_CHANNEL_REASONS.has(reason ?? '')) continue;
    const known = CHANNELS.find((name): name is ChannelTarget['channel'] => name === channel);
    if (known === undefined) continue;
    const isOpen = open.get(channel) ?? (await lookup(userId, known)).kind === 'open';
    open.set(channel, isOpen);
    if (!isOpen) continue;
    await tell(records, stream, { kind: 'redrive', reason: 'channel_configured', of: 'skipped' });
  }
}
