// Scripted faults of the in-memory store, as a function of the next operation: a test that fails always fails.
import type { EventToAppend } from '../../../domain/core/recorded-event.ts';
import type {
  AppendRefusal,
  ExpectedRevision,
  SubscriptionEntry,
} from '../../../domain/ports/event-store.ts';

/** The next operation of the store. `n` counts operations of the same kind, from 1. */
export type StoreOperation =
  | {
      readonly kind: 'append';
      readonly n: number;
      readonly stream: string;
      readonly expected: ExpectedRevision;
      readonly events: readonly EventToAppend[];
    }
  | { readonly kind: 'readStream'; readonly n: number; readonly stream: string }
  | { readonly kind: 'readAll'; readonly n: number }
  /** Delivers a page of a subscription; `subscription` counts subscriptions from 1. */
  | {
      readonly kind: 'deliver';
      readonly n: number;
      readonly subscription: number;
      readonly page: readonly SubscriptionEntry[];
    };

/**
 * A fault of one operation.
 *
 * - `conflict`: an append is answered with the stream's true last revision; nothing is written.
 * - `refuse`: an append is refused for this reason; nothing is written.
 * - `unknown`: the answer to an append is lost, after (`written`) or before it was written.
 * - `unavailable`: a read throws.
 * - `drop`: a page and the subscription's connection are lost; the subscription resumes after the last delivered
 *   entry, and sends `caughtUp` again when it is live again.
 * - `delay`: waits for the promise, then does the operation.
 *
 * A fault that does not fit the operation throws a `TypeError`.
 */
export type Fault =
  | { readonly fault: 'conflict' }
  | { readonly fault: 'refuse'; readonly reason: AppendRefusal }
  | { readonly fault: 'unknown'; readonly written: boolean }
  | { readonly fault: 'unavailable' }
  | { readonly fault: 'drop' }
  | { readonly fault: 'delay'; readonly until: Promise<unknown> };

/** The fault of an operation; `undefined` for none. */
export type FaultScript = (operation: StoreOperation) => Fault | undefined;

export async function faultIn(
  script: FaultScript | undefined,
  operation: StoreOperation,
): Promise<Exclude<Fault, { fault: 'delay' }> | undefined> {
  const fault = script?.(operation);
  if (fault?.fault !== 'delay') return fault;
  await fault.until;
  return undefined;
}

/** The error for a fault that does not fit the operation. */
export function misfit({ fault }: Fault, { kind, n }: StoreOperation): TypeError {
  return new TypeError(`the fault script gave "${fault}" for ${kind} ${n}`);
}
