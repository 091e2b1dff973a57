// The contract of the event store port. Every adapter runs it.
import type { ContractRunner } from './runner.ts';
import { appendSuite } from './event-store-appends.ts';
import { readingSuite } from './event-store-reading.ts';
import { refusalSuite } from './event-store-refusals.ts';
import { subscriptionSuite } from './event-store-subscriptions.ts';
import {
  ALL_PROMISES,
  type StoreFixture,
  type StorePromises,
  type StoreUnderTest,
} from './event-store-support.ts';

/**
 * Defines the tests of the event store port for one kind of store.
 *
 * @example
 * import * as runner from 'node:test';
 * eventStoreContract(runner, 'my store', async () => ({ store: await open(), cleanup: () => remove() }));
 * @param runner the test runner's functions
 * @param factory makes one per test; a log may hold other events
 * @param promises what this kind of store promises beyond what all do
 */
export function eventStoreContract(
  runner: ContractRunner,
  name: string,
  factory: () => Promise<StoreFixture>,
  promises: StorePromises = ALL_PROMISES,
): void {
  const { describe, beforeEach, afterEach } = runner;
  describe(`${name} keeps the event store's contract`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await factory();
    });
    afterEach(() => fixture.cleanup());
    const under: StoreUnderTest = { store: () => fixture.store, fixture: () => fixture, promises };
    appendSuite(runner, under);
    refusalSuite(runner, under);
    readingSuite(runner, under);
    subscriptionSuite(runner, under);
  });
}
