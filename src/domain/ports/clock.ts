import type { Instant } from '../core/instants.ts';

/** The source of the current time. Decisions get instants as arguments and hold no clock. */
export type Clock = { readonly now: () => Instant };
