// Keeps the list of deliveries, and marks the users whose skipped deliveries can be redriven. One
// subscription reads deliveries and channels in log order, so no channel just before or after a skip is missed.
import { z } from 'zod';
import type { WakeSignal } from '../../../domain/core/wake-signal.ts';
import { categoryPrefix } from '../../../domain/core/ids.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { pageEnd, pagesAfter } from '../due/follow.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import {
  restartAfterOutages,
  silentReport,
  type Process,
  type ProcessReport,
} from '../due/process.ts';
import {
  rowAfter,
  type DeliveryIndex,
  type DeliveryMinute,
  type DeliveryRow,
  type RedriveMark,
} from './delivery-index.ts';

export type ListOptions = {
  readonly store: EventStore;
  readonly kernel: string;
  readonly index: DeliveryIndex;
  readonly runtime: Runtime;
  /** Woken when there are new marks. */
  readonly marked: WakeSignal;
  readonly logger?: Logger | undefined;
};

const OPENING_EVENTS: ReadonlySet<string> = new Set(['ChannelConfigured', 'ChannelEnabled']);
const OfUser = z.object({ userId: z.string() });

const MINUTE_MS = 60_000;

/** The reasons for a skip that end when the user opens a channel. */
export const NO_CHANNEL_REASONS: ReadonlySet<string> = new Set(['no_channel', 'channel_disabled']);

export function listProcess(options: ListOptions): Process {
  const name = 'delivery-list';
  const restart = { ...options.runtime, name, logger: options.logger };
  return {
    name,
    run: (signal, report = silentReport) =>
      restartAfterOutages(restart, signal, report, (onProgress) =>
        follow(options, signal, { ...report, works: onProgress }),
      ),
  };
}

async function follow(
  options: ListOptions,
  signal: AbortSignal,
  report: ProcessReport,
): Promise<void> {
  const { store, kernel, index, marked } = options;
  const prefixes = [categoryPrefix(kernel, 'notification'), categoryPrefix(kernel, 'channel')];
  // The last worker may have left marks.
  marked.wake();
  for await (const page of pagesAfter(index, { store, prefixes }, signal, report)) {
    if (page.some(({ kind }) => kind !== 'disconnected')) report.works();
    const commit = commitOf(page, index);
    if (commit === undefined) continue;
    index.commit(commit);
    if (commit.marks.length > 0) marked.wake();
  }
}

type Commit = Parameters<DeliveryIndex['commit']>[0];

function commitOf(page: readonly SubscriptionEntry[], index: DeliveryIndex): Commit | undefined {
  const end = pageEnd(page);
  if (end === undefined) return undefined;
  const rows = new Map<string, DeliveryRow>();
  const marks = new Map<string, RedriveMark>();
  const minutes = new Map<string, DeliveryMinute>();
  for (const entry of page) {
    if (entry.kind !== 'event') continue;
    const { event } = entry;
    const userId = updateRow(event, { rows, minutes, index });
    if (userId !== undefined) marks.set(userId, { userId, since: event.position.commit });
  }
  return {
    ...end,
    rows: [...rows.values()],
    marks: [...marks.values()],
    minutes: [...minutes.values()],
  };
}

type Updated = {
  readonly rows: Map<string, DeliveryRow>;
  readonly minutes: Map<string, DeliveryMinute>;
  readonly index: DeliveryIndex;
};

/** @returns the user whose skipped deliveries can perhaps be redriven */
function updateRow(recorded: RecordedEvent, { rows, minutes, index }: Updated): string | undefined {
  if (OPENING_EVENTS.has(recorded.type)) {
    const about = OfUser.safeParse(recorded.data);
    return about.success ? about.data.userId : undefined;
  }
  const decoded = deliveryCodec.decode(recorded);
  if (decoded.kind !== 'event') return undefined;
  const { event, metadata } = decoded;
  const { notificationId, userId } = event.data;
  const before = rows.get(notificationId) ?? index.get(notificationId);
  const row = rowAfter(before, event, {
    stream: recorded.stream,
    recordedAt: metadata.recordedAt,
  });
  if (row !== undefined) {
    rows.set(notificationId, row);
    const isOver = row.dueAt === null && before?.status !== row.status;
    if (isOver) count(minutes, row);
  }
  const isWaitingForChannel =
    event.type === 'DeliverySkipped' && NO_CHANNEL_REASONS.has(event.data.reason);
  return isWaitingForChannel ? userId : undefined;
}

function count(minutes: Map<string, DeliveryMinute>, { status, changedAt }: DeliveryRow): void {
  const minute = Math.floor(changedAt / MINUTE_MS) * MINUTE_MS;
  const key = `${status} ${minute}`;
  minutes.set(key, { minute, status, count: (minutes.get(key)?.count ?? 0) + 1 });
}
