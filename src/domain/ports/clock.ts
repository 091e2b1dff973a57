import type { Instant } from '../core/instants.ts';

/** Where "now" comes from. Only edges hold a clock; decisions get instants as arguments. */
export type Clock = { readonly now: () => Instant };
