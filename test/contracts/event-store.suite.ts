// The contract of the event store port. Every adapter runs it.
import { afterEach, beforeEach, describe } from 'vitest';
import { appendSuite } from './event-store.appends.ts';
import { readingSuite } from './event-store.reading.ts';
import { refusalSuite } from './event-store.refusals.ts';
import { subscriptionSuite } from './event-store.subscriptions.ts';
import type { StoreFixture, StoreUnderTest } from './event-store.support.ts';

export type { StoreFixture } from './event-store.support.ts';

/**
 * Runs the contract against one kind of store.
 *
 * @param factory makes one per test
 * @param options.isDurable false for a log that ends with its store
 */
export function eventStoreContract(
  name: string,
  factory: () => Promise<StoreFixture>,
  { isDurable = true }: { readonly isDurable?: boolean } = {},
): void {
  describe(`${name} keeps the event store's contract`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await factory();
    });
    afterEach(() => fixture.cleanup());
    const under: StoreUnderTest = { store: () => fixture.store, fixture: () => fixture, isDurable };
    appendSuite(under);
    refusalSuite(under);
    readingSuite(under);
    subscriptionSuite(under);
  });
}
