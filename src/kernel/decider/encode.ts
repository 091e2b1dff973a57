// From a decision to events that a store can take, or to the caller's mistake in our words.
import { z } from 'zod';
import { describe, type Codec } from '../../domain/core/codec.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { eventId } from '../../domain/core/ids.ts';
import type { EventToAppend } from '../../domain/core/recorded-event.ts';

/**
 * Encodes events with the ids that their command gives them in this stream.
 *
 * @throws TocsinError `event_invalid` when an event or its metadata break their schema: an evaluator, a
 *   link or a call's actor and traceparent are the embedder's, and no request could have known
 */
export function encodeAll<E extends { readonly type: string }>(
  codec: Codec<E>,
  stream: string,
  events: readonly E[],
  metadata: EventMetadata,
): EventToAppend[] {
  return events.map((event, index) => {
    try {
      return codec.encode(event, metadata, eventId(metadata.commandId, stream, index));
    } catch (cause) {
      const detail = cause instanceof z.ZodError ? describe(cause) : String(cause);
      throw new TocsinError('usage', 'event_invalid', `${event.type} cannot be stored: ${detail}`, {
        hint: 'Nothing was written. Look at what the evaluator, the trigger’s link and the call give.',
        cause,
      });
    }
  });
}
