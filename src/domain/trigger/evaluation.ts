// The result of an evaluation: what a trigger leads to.
import { z } from 'zod';
import type { Json } from '../core/json.ts';
import type { Candidate } from '../preview/candidates.ts';
import { PREVIEW_KINDS } from '../preview/events.ts';

/** Offer a preview and request a notification of it: a proposal, a question or a reminder. */
export type Offer = {
  readonly outcome: 'offer';
  readonly kind: (typeof PREVIEW_KINDS)[number];
  /** Up to 180 code points. Links in it are removed, or it counts as blank: see `summaryLinks` of `defineTrigger`. */
  readonly summary?: string;
  /** The choices, best first; at most 3. */
  readonly candidates?: readonly Candidate[];
  /** The default candidate of a client that shows one choice; default the first. */
  readonly candidateId?: string;
  /** A hash of the facts that the candidates rest on; an apply port compares it with today's facts. */
  readonly baseVersion?: string;
  /** Anything else that a reader of the preview needs, as it is now. */
  readonly snapshot?: Json;
  /** Default: the channel of the definition, else the kernel's. */
  readonly channel?: string;
  /** How long the notification lives, 1 s to 30 d, such as `3d`. Default: the definition's. */
  readonly expiresIn?: string;
};

/** The result of an evaluation. */
export type Evaluation =
  | Offer
  | { readonly outcome: 'close'; readonly reason: string }
  | { readonly outcome: 'reject'; readonly code: string; readonly reason: string };

const EvaluationSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('offer'),
    kind: z.enum(PREVIEW_KINDS),
    summary: z.string().optional(),
    candidates: z.array(z.unknown()).optional(),
    candidateId: z.string().optional(),
    baseVersion: z.string().optional(),
    channel: z.string().optional(),
    expiresIn: z.string().optional(),
  }),
  z.object({ outcome: z.literal('close'), reason: z.string() }),
  z.object({ outcome: z.literal('reject'), code: z.string(), reason: z.string() }),
]);

/** Whether an evaluator returned an evaluation. The schemas of the events check its candidates and lengths. */
export function isEvaluation(result: unknown): result is Evaluation {
  return EvaluationSchema.safeParse(result).success;
}

/** An evaluation that notifies, as a reminder: no choice is offered. */
export function notify(
  offer: Omit<Offer, 'outcome' | 'kind' | 'candidates' | 'candidateId'> = {},
): Offer {
  return { outcome: 'offer', kind: 'reminder', ...offer };
}

/** An evaluation that offers a preview and notifies. */
export function offer(offer: Omit<Offer, 'outcome'>): Offer {
  return { outcome: 'offer', ...offer };
}

/** An evaluation that ends the trigger without a notification. */
export function close(reason: string): Evaluation {
  return { outcome: 'close', reason };
}
