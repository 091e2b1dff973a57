// The contract of the event store port. Every adapter runs it.
import { afterEach, beforeEach, describe } from 'vitest';
import { appendSuite } from './event-store.appends.ts';
import { readingSuite } from './event-store.reading.ts';
import { refusalSuite } from './event-store.refusals.ts';
import { subscriptionSuite } from './event-store.subscriptions.ts';
import {
  ALL_PROMISES,
  type StoreFixture,
  type StorePromises,
  type StoreUnderTest,
} from './event-store.support.ts';

export type { StoreFixture } from './event-store.support.ts';

/**
 * Runs the contract against one kind of store.
 *
 * @param factory makes one per test
 * @param promises what this kind of store promises beyond what all do
 */
export function eventStoreContract(
  name: string,
  factory: () => Promise<StoreFixture>,
  promises: StorePromises = ALL_PROMISES,
): void {
  describe(`${name} keeps the event store's contract`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await factory();
    });
    afterEach(() => fixture.cleanup());
    const under: StoreUnderTest = { store: () => fixture.store, fixture: () => fixture, promises };
    appendSuite(under);
    refusalSuite(under);
    readingSuite(under);
    subscriptionSuite(under);
  });
}
