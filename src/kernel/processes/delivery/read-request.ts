// The request behind a notice, read from the log: the only thing that is believed.
import { z } from 'zod';
import { categoryPrefix, messageId } from '../../../domain/core/ids.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { triggerCodec, type TriggerEventData } from '../../../domain/trigger/events.ts';

/** The rule under which a request becomes a message; with the source event it makes the notice's id. */
const RULE = 'notification.requested';

/** Where a request is said to be. */
export type RequestLocation = { readonly stream: string; readonly revision: bigint };

/** A request as the log has it. */
export type FoundRequest = {
  readonly notificationId: string;
  readonly event: RecordedEvent;
  readonly request: TriggerEventData<'NotificationRequested'>;
  /** How its preview ended, if it has. */
  readonly ended: string | undefined;
};

/** Why there is no request at that place, in words. */
export type NoRequest = 'foreign_stream' | 'no_event' | 'other_event' | 'unreadable';

const Ended = z.object({ previewId: z.string(), ending: z.string().regex(/^[a-z0-9_]{1,32}$/) });

/**
 * Reads a request, and what has become of its preview since.
 *
 * @throws TocsinError `unavailable` when the store cannot be reached
 */
export async function readRequest(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
  { stream, revision }: RequestLocation,
): Promise<Result<FoundRequest, NoRequest>> {
  if (!stream.startsWith(categoryPrefix(kernel, 'trigger'))) return err('foreign_stream');
  let found: Omit<FoundRequest, 'ended'> | undefined;
  let ended: string | undefined;
  for await (const page of store.readStream(stream, { direction: 'forwards', from: revision })) {
    for (const event of page) {
      if (found === undefined) {
        if (event.revision !== revision) return err('no_event');
        if (event.type !== 'NotificationRequested') return err('other_event');
        const decoded = triggerCodec.decode(event);
        if (decoded.kind !== 'event' || decoded.event.type !== 'NotificationRequested') {
          return err('unreadable');
        }
        const request = decoded.event.data;
        found = { notificationId: messageId(event.id, RULE), event, request };
      } else {
        ended ??= endingOf(event, found.request.previewId);
      }
    }
  }
  return found === undefined ? err('no_event') : ok({ ...found, ended });
}

function endingOf(event: RecordedEvent, previewId: string): string | undefined {
  if (event.type !== 'PreviewEnded') return undefined;
  const parsed = Ended.safeParse(event.data);
  return parsed.success && parsed.data.previewId === previewId ? parsed.data.ending : undefined;
}
