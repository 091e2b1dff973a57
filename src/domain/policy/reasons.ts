// The reason codes of verdicts. The read model, the metrics and docs/policies.md use these and no others
// (a test compares).
import type { DecodeFault } from '../core/codec.ts';

type ParkedCode = DecodeFault['code'] | 'message_too_large';

/** The reason codes of each verdict, with their meaning. */
export const REASONS = {
  published: {
    first_in_window: 'nothing holds the window that the request falls into',
    within_budget:
      'other notifications were published in the window, but fewer than the policy allows',
    reopened: 'the notification that held the window was released: it never reached the person',
    severity_rose: 'it is more severe than every notification that holds the window',
    no_window: 'the policy has no windows, so every request is published',
  },
  suppressed: {
    within_window: 'a notification holds the window',
    rate_budget: 'as many notifications as the policy allows were published in the window',
    bypass_cap:
      'its severity is higher, but the window has had all the bypasses that the policy allows',
    silenced: 'the type is muted',
    stale: 'it was recorded too long after it had happened',
  },
  parked: {
    broken_json: 'the event is not JSON, or nests too deep',
    metadata_invalid: 'the event’s metadata cannot be read',
    schema_invalid: 'the event’s data is not of its type’s shape',
    newer_version: 'a newer version of Tocsin wrote the event',
    must_understand: 'the event must be understood, and this code does not know its type',
    message_too_large: 'its message would be larger than a server takes',
  } satisfies Record<ParkedCode, string>,
} as const;

export type PublishedReason = keyof typeof REASONS.published;

export type SuppressedReason = keyof typeof REASONS.suppressed;
