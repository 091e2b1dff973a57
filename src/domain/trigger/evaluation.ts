// The result of an evaluation: what a trigger leads to.
import type { Json } from '../core/json.ts';
import type { CHANNELS } from '../core/vocabulary.ts';
import type { Candidate } from '../preview/candidates.ts';
import type { PREVIEW_KINDS } from '../preview/events.ts';

/** Offer a preview and request a notification of it: a proposal, a question or a reminder. */
export type Offer = {
  readonly outcome: 'offer';
  readonly kind: (typeof PREVIEW_KINDS)[number];
  /** Up to 180 code points; a summary with a link counts as blank. */
  readonly summary?: string;
  /** The choices, best first; at most 3. */
  readonly candidates?: readonly Candidate[];
  /** The default candidate of a client that shows one choice; default the first. */
  readonly candidateId?: string;
  /** A hash of the facts that the candidates rest on; an apply port compares it with today's facts. */
  readonly baseVersion?: string;
  /** Anything else that a reader of the preview needs, as it is now. */
  readonly snapshot?: Json;
  /** Default: the trigger definition's. */
  readonly channel?: (typeof CHANNELS)[number];
};

/** The result of an evaluation. */
export type Evaluation =
  | Offer
  | { readonly outcome: 'close'; readonly reason: string }
  | { readonly outcome: 'reject'; readonly code: string; readonly reason: string };
