// Who may write a read model, and what a refused or forgotten state leaves. Run like the other suite.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import type { ReadModelTables } from '../../src/projections/audit/reading/ports.ts';
import type { ReadModel } from '../../src/projections/read-model.ts';
import {
  batchUpTo,
  checkpointAt,
  commitOf,
  sentNotificationOf,
  parkedOf,
  recentMessageOf,
  verdictOf,
  type ReadModelHarness,
} from './read-model.fixtures.ts';
import { refusal } from '../support/refusals.ts';

export function readModelOwnershipSuite(name: string, harnessOf: () => ReadModelHarness): void {
  describe(`a read model ${name} and its owner`, () => {
    let harness: ReadModelHarness;
    let model: ReadModel & ReadModelTables;

    beforeEach(() => {
      harness = harnessOf();
      model = harness.open();
    });

    afterEach(() => {
      model[Symbol.dispose]();
      harness[Symbol.dispose]();
    });

    const reopen = (): void => {
      model[Symbol.dispose]();
      model = harness.open();
    };

    test('refuses a commit after another took over, and leaves everything as it was', () => {
      model.commit(batchUpTo(30n));
      const before = snapshotOf(model);
      harness.takeOver();
      for (const attempt of [0, 1]) {
        expect(
          refusal(() => {
            model.commit(batchUpTo(60n + BigInt(attempt)));
          }),
        ).toBe('refused read_model_in_use');
      }
      expect(
        refusal(() => {
          model.reset();
        }),
      ).toBe('refused read_model_in_use');
      expect(snapshotOf(model)).toEqual(before);
    });

    test('lets the next owner go on, and not the one before', () => {
      model.commit(batchUpTo(30n));
      harness.takeOver();
      reopen();
      model.commit(batchUpTo(60n));
      expect(model.checkpoint()).toEqual(checkpointAt(60n));
    });

    test('refuses a tail out of order, and leaves everything as it was', () => {
      model.commit(batchUpTo(30n));
      const before = snapshotOf(model);
      const disorder = commitOf(32n, {
        sentNotifications: [sentNotificationOf()],
        recentMessages: [recentMessageOf(32n), recentMessageOf(31n)],
      });
      expect(
        refusal(() => {
          model.commit(disorder);
        }),
      ).toBe('internal tail_disorder');
      expect(snapshotOf(model)).toEqual(before);
      model.commit(batchUpTo(60n));
    });

    test('forgets everything at once, and begins again', () => {
      model.commit(batchUpTo(30n));
      model.commit(commitOf(31n, { parked: [parkedOf('r1')], verdicts: [verdictOf('r1')] }));
      model.reset();
      expect(model.checkpoint()).toBeUndefined();
      expect(snapshotOf(model).sentNotifications).toEqual([]);
      expect([
        snapshotOf(model).verdicts,
        snapshotOf(model).recentMessages,
        model.parked(),
      ]).toEqual([[], [], []]);
      expect(model.reasons().size).toBe(0);
      model.commit(batchUpTo(30n));
      reopen();
      expect(model.checkpoint()).toEqual(checkpointAt(30n));
    });

    test('is closed once, and then says so', () => {
      model[Symbol.dispose]();
      model[Symbol.dispose]();
      expect(refusal(() => model.checkpoint())).toBe('usage read_model_closed');
      expect(
        refusal(() => {
          model.commit(commitOf(1n));
        }),
      ).toBe('usage read_model_closed');
    });
  });
}
