// The events of `tocsin.copied-1`, `tocsin.copied-2` …, which say that this log is a copy. No verdict depends on
// them. They say which positions the messages have that were sent before the copy.
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { PositionCodec } from '../core/envelope.ts';

const COPY_EVENTS = {
  LogCopied: z.object({
    /** The last copied event's position in the log that was copied. */
    sourceHead: PositionCodec,
    /** The same event's position in this log. */
    targetHead: PositionCodec,
  }),
};

export type CopyEvent = EventOf<typeof COPY_EVENTS>;

export const copyCodec = createCodec(COPY_EVENTS);
