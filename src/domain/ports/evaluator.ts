import type { Json } from '../core/json.ts';
import type { RaiseRequest } from '../trigger/commands.ts';
import type { CHANNELS, PREVIEW_KINDS } from '../trigger/events.ts';

/** What an evaluator makes of a trigger. */
export type Evaluation =
  | {
      readonly outcome: 'offer';
      readonly kind: (typeof PREVIEW_KINDS)[number];
      /** Up to 180 code points; one with a link counts as blank. */
      readonly summary?: string;
      readonly snapshot?: Json;
      /** Default `feishu`. */
      readonly channel?: (typeof CHANNELS)[number];
    }
  | { readonly outcome: 'close'; readonly reason: string }
  | { readonly outcome: 'reject'; readonly code: string; readonly reason: string };

/**
 * Decides inline, within the raise, what a trigger leads to. It must be quick and need nothing from
 * outside; what it throws refuses the raise and writes nothing.
 */
export type Evaluator = (request: RaiseRequest) => Evaluation;
