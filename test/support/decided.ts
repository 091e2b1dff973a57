// What the output has to hold, worked out from the log's raw events in the plainest way: one loop, one
// set of windows. The fold, its pages and its read model are held against it.
import { createHash } from 'node:crypto';
import type { RecordingOutput } from '../../src/adapters/memory/recording-output.ts';
import { messageId } from '../../src/domain/core/ids.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { StoredMessage } from '../../src/projections/output.ts';
import { eventsOf } from './world.ts';

/** A message as it has to be in the stream. */
export type DecidedMessage = {
  readonly id: string;
  readonly type: string;
  readonly ordinal: string;
  readonly digest: string;
};

const HALF_HOUR_MS = 1_800_000;

/** The list of messages that a log of well-formed events stands for. */
export async function decidedList(store: EventStore): Promise<DecidedMessage[]> {
  const windows = new Set<string>();
  const ids: { id: string; type: string }[] = [];
  for (const event of await eventsOf(store)) {
    const data = event.data as Record<string, unknown>;
    if (event.type === 'TriggerRaised') {
      const type = typeof data['contract'] === 'string' ? data['contract'] : 'trigger.raised';
      ids.push({ id: messageId(event.id, type), type });
    }
    // A request without its axis is poison: it is parked, and no message.
    if (event.type === 'NotificationRequested' && 'triggerRequestedAt' in data) {
      const bucket = Math.floor(Date.parse(String(data['triggerRequestedAt'])) / HALF_HOUR_MS);
      const window = JSON.stringify([data['mock'], data['userId'], data['triggerType'], bucket]);
      if (windows.has(window)) continue;
      windows.add(window);
      const type = `notification.${String(data['channel'])}.requested`;
      ids.push({ id: messageId(event.id, 'notification.requested'), type });
    }
  }
  let digest = '0'.repeat(64);
  return ids.map(({ id, type }, index) => {
    digest = createHash('sha256').update(digest).update(id).digest('hex');
    return { id, type, ordinal: String(index + 1), digest };
  });
}

/** A stored message, as far as {@link decidedList} says what it is. */
export function stamped(message: StoredMessage): DecidedMessage {
  const header = (name: string): string => message.headers.get(name) ?? '';
  return {
    id: header('ce-id'),
    type: header('ce-type'),
    ordinal: header('Tocsin-Ordinal'),
    digest: header('Tocsin-Digest'),
  };
}

/** What the output holds of ours, in order. */
export function storedList(output: RecordingOutput): DecidedMessage[] {
  return output.messages.filter(({ headers }) => headers.has('Tocsin-Ordinal')).map(stamped);
}
