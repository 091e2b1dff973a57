import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import type { Candidate } from '../preview/candidates.ts';
import type { RaiseRequest } from '../trigger/commands.ts';
import type { CHANNELS, PREVIEW_KINDS } from '../trigger/events.ts';

/** A preview to be offered, and told of: something to confirm, something to answer, or a reminder. */
export type Offer = {
  readonly outcome: 'offer';
  readonly kind: (typeof PREVIEW_KINDS)[number];
  /** Up to 180 code points; one with a link counts as blank. */
  readonly summary?: string;
  /** What can be confirmed, best first; at most 3. */
  readonly candidates?: readonly Candidate[];
  /** The candidate that a plain yes confirms; default the first. */
  readonly candidateId?: string;
  /** What the candidates stand on, hashed; an apply port compares it with how things are then. */
  readonly baseVersion?: string;
  /** Anything else that a reader of the preview wants to see, frozen. */
  readonly snapshot?: Json;
  /** Default: the trigger definition's. */
  readonly channel?: (typeof CHANNELS)[number];
};

/** What an evaluator makes of a trigger. */
export type Evaluation =
  | Offer
  | { readonly outcome: 'close'; readonly reason: string }
  | { readonly outcome: 'reject'; readonly code: string; readonly reason: string };

/**
 * Decides inline, within the raise, what a trigger leads to. It must be quick and need nothing from
 * outside; what it throws refuses the raise and writes nothing.
 */
export type Evaluator = (request: RaiseRequest) => Evaluation;

/**
 * Decides after the raise what a trigger leads to; it may ask others and take its time. What it throws
 * is a failure: the trigger is evaluated again with backoff. It may be asked more than once about one
 * trigger, and two workers may ask at the same time; one answer counts.
 */
export type LaterEvaluator = (
  request: RaiseRequest,
  context: {
    /** The kernel's clock; the pretend time of a mock request is in the request. */
    readonly now: Instant;
    /** Raised when nobody waits for the answer any more. */
    readonly signal: AbortSignal;
  },
) => Promise<Evaluation>;
