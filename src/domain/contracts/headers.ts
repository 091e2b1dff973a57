// The headers of every message: a CloudEvent in NATS binary mode, and the message's number in its output.
import { z } from 'zod';
import { TraceparentSchema } from '../core/envelope.ts';

const about = (description: string, schema: z.ZodString = z.string()) =>
  schema.meta({ description });

const digits = z.string().regex(/^\d{1,19}$/);

/** Message headers by name; values are ASCII. */
export const MessageHeaders = z.object({
  'ce-specversion': z.literal('1.0'),
  'ce-id': z.uuid().meta({
    description:
      'The same for every attempt to send this message: consumers that must act once deduplicate by it. Also the notification_id.',
  }),
  'ce-source': about('As configured; default /tocsin.', z.string().min(1)),
  'ce-type': about(
    'The name of the contract.',
    z.string().regex(/^[a-z0-9_]{1,32}(?:\.[a-z0-9_]{1,32}){1,3}$/),
  ),
  'ce-dataschema': about('urn:tocsin:{contract}:1', z.string().startsWith('urn:tocsin:')),
  'ce-subject': about(
    'Aggregate id: the trigger id, the preview id or the apply id.',
    z.string().min(1),
  ),
  'ce-time': z
    .string()
    .meta({ description: 'requested_at, or when it was applied, in UTC.', format: 'date-time' }),
  'content-type': z.literal('application/json'),
  'Tocsin-Ordinal': about("The message's number in its output, from 1 without gaps.", digits),
  'Tocsin-Position': about(
    'Position of the source event in the log: commit/prepare.',
    z.string().regex(/^\d{1,19}\/\d{1,19}$/),
  ),
  'Tocsin-Stream': about('Stream of the source event.', z.string().min(1)),
  'Tocsin-Revision': about('Number of the source event in its stream, from 0.', digits),
  'Tocsin-Ruleset': about('The ruleset of the decision.', digits),
  'Tocsin-Digest': about(
    'SHA-256 of the previous digest and this ce-id: equal digests mean that all messages so far are equal.',
    z.string().regex(/^[0-9a-f]{64}$/),
  ),
  'Tocsin-Signature': z
    .string()
    .regex(/^[0-9a-f]{16}:[0-9a-f]{64}$/)
    .optional()
    .meta({
      description:
        'For the worker, in requests only: the id of a key that projector and worker share, and an HMAC-SHA-256 by it.',
    }),
  traceparent: TraceparentSchema.optional().meta({ description: 'W3C trace context.' }),
});

export type MessageHeaders = z.infer<typeof MessageHeaders>;
