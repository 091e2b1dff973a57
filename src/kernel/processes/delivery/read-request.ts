// Reads a notification request from the log. The log alone is trusted, never the message.
import { z } from 'zod';
import { categoryPrefix, messageId } from '../../../domain/core/ids.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { triggerCodec, type TriggerEventData } from '../../../domain/trigger/events.ts';

/** The rule that makes the notification id from the source event. */
const RULE = 'notification.requested';

export type RequestLocation = { readonly stream: string; readonly revision: string };

export type FoundRequest = {
  readonly notificationId: string;
  readonly event: RecordedEvent;
  readonly request: TriggerEventData<'NotificationRequested'>;
  /** `undefined` while its preview is open. */
  readonly previewEnding: string | undefined;
};

export type NoRequest = 'foreign_stream' | 'no_event' | 'other_event' | 'unreadable';

const Ended = z.object({ previewId: z.string(), ending: z.string().regex(/^[a-z0-9_]{1,32}$/) });

export async function readRequest(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
  { stream, revision: at }: RequestLocation,
): Promise<Result<FoundRequest, NoRequest>> {
  if (!stream.startsWith(categoryPrefix(kernel, 'trigger'))) return err('foreign_stream');
  const revision = BigInt(at);
  let found: Omit<FoundRequest, 'previewEnding'> | undefined;
  let previewEnding: string | undefined;
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
        previewEnding ??= endingOf(event, found.request.previewId);
      }
    }
  }
  return found === undefined ? err('no_event') : ok({ ...found, previewEnding });
}

function endingOf(event: RecordedEvent, previewId: string): string | undefined {
  if (event.type !== 'PreviewEnded') return undefined;
  const parsed = Ended.safeParse(event.data);
  return parsed.success && parsed.data.previewId === previewId ? parsed.data.ending : undefined;
}
