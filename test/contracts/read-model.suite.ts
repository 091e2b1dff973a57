// What every read model promises. Run against the one in memory and the one on disk.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import { dedupeKeyOf } from '../../src/domain/policy/dedupe-key.ts';
import type { ReadModelTables } from '../../src/projections/audit/reading/ports.ts';
import type {
  SentNotification,
  SentNotificationRange,
  ReadModel,
} from '../../src/projections/read-model.ts';
import {
  AT,
  batchUpTo,
  checkpointAt,
  commitOf,
  controlOf,
  sentNotificationOf,
  sentNotificationLists,
  sentNotificationsOfFew,
  mutedOf,
  parkedOf,
  rangesOfFew,
  recentMessageOf,
  recentMessagesFrom,
  suppressedOf,
  verdictOf,
  type ReadModelHarness,
} from './read-model.fixtures.ts';

export function readModelSuite(name: string, harnessOf: () => ReadModelHarness): void {
  describe(`a read model ${name}`, () => {
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

    test('is empty at first', () => {
      expect(model.checkpoint()).toBeUndefined();
      expect(model.lastRecentMessage()).toBeUndefined();
      expect([...model.dedupeKeys()]).toEqual([]);
      expect(snapshotOf(model)).toEqual({
        checkpoint: undefined,
        sentNotifications: [],
        suppressedRequests: [],
        mutedRequests: [],
        verdicts: [],
        recentMessages: [],
        parked: [],
        reasons: new Map(),
        verdictMinutes: [],
        control: [],
      });
    });

    test('gives back what was committed, also to the next owner', () => {
      const commit = commitOf(
        2n,
        {
          sentNotifications: [
            sentNotificationOf(),
            sentNotificationOf({
              id: 'notice-2',
              mock: true,
              suppressedSince: { count: 3, firstAt: AT - 9 },
            }),
          ],
          suppressedRequests: [suppressedOf()],
          mutedRequests: [mutedOf('r2')],
          verdicts: [
            verdictOf('r1', {
              verdict: 'published',
              reason: 'first',
              basis: null,
              messageId: 'notice-1',
              sequence: 2n,
            }),
            verdictOf('r2'),
            verdictOf('r3', { verdict: 'parked', reason: 'schema', basis: null }),
          ],
          recentMessages: recentMessagesFrom(1, 2),
          parked: [parkedOf('r3')],
          control: [controlOf(0n), controlOf(1n)],
          verdictMinutes: [{ minute: 0, verdict: 'published', requests: 1 }],
        },
        { counts: { events: 9, triggered: 1, published: 1, suppressed: 1, parked: 1, unknown: 5 } },
      );
      model.commit(commit);
      const { unparked: _, amended: __, ...held } = commit;
      const expected = {
        ...held,
        reasons: new Map([
          ['schema', 1],
          ['window_held', 1],
        ]),
      };
      expect(snapshotOf(model)).toEqual(expected);
      reopen();
      expect(snapshotOf(model)).toEqual(expected);
    });

    test('adds the requests of each minute up, and reads a span of them in order', () => {
      const of = (minute: number, verdict: 'published' | 'suppressed', requests: number) => ({
        ...{ minute: minute * 60_000, verdict, requests },
      });
      const first = [of(2, 'published', 1), of(1, 'suppressed', 2)];
      model.commit(commitOf(1n, { verdictMinutes: first }));
      const second = [of(2, 'published', 3), of(2, 'suppressed', 4), of(3, 'published', 5)];
      model.commit(commitOf(2n, { verdictMinutes: second }));
      reopen();
      expect(model.verdictMinutes(60_000, 180_000)).toEqual([
        of(1, 'suppressed', 2),
        of(2, 'published', 4),
        of(2, 'suppressed', 4),
      ]);
      model.reset();
      expect(model.verdictMinutes(0, 240_000)).toEqual([]);
    });

    test('keeps the last count of suppressed requests of each key, and none that was told', () => {
      const target = suppressedOf({ targetType: 'task', targetId: '7' });
      const others = Array.from({ length: 300 }, (_, n) => suppressedOf({ user: `other-${n}` }));
      const mock = suppressedOf({ mock: true });
      const first = [suppressedOf(), target, mock, suppressedOf({ count: 2 }), ...others];
      model.commit(commitOf(1n, { suppressedRequests: first }));
      model.commit(commitOf(2n, { suppressedRequests: [suppressedOf({ mock: true, count: 0 })] }));
      reopen();
      const found = model.suppressedRequestsOf([suppressedOf(), target, mock, ...others]);
      expect(found).toEqual([suppressedOf({ count: 2 }), target, ...others]);
      expect(model.suppressedRequestsOf([suppressedOf({ user: '1' })])).toEqual([]);
      expect([...model.suppressedRequests()]).toHaveLength(302);
      model.reset();
      expect(model.suppressedRequestsOf([target])).toEqual([]);
    });

    test('replaces the verdict of a muted request when it is released', () => {
      const at = (commit: bigint) => ({ commit, prepare: commit });
      const silenced = (event: string, commit: bigint) =>
        verdictOf(event, { reason: 'silenced', basis: null, position: at(commit) });
      const rows = [mutedOf('r1', { position: at(1n) }), mutedOf('r2', { position: at(2n) })];
      const verdicts = [silenced('r1', 1n), silenced('r2', 2n)];
      model.commit(commitOf(1n, { mutedRequests: rows, verdicts }));
      reopen();
      expect(model.mutedRequestsOf(['r2', 'r1', 'r3'])).toEqual([rows[1], rows[0]]);
      const released = verdictOf('r1', { position: at(3n), reason: 'window_held' });
      const releasedRequests = [{ event: 'r1', position: at(1n) }];
      model.commit(commitOf(2n, { verdicts: [released], releasedRequests }));
      expect([...model.mutedRequests()]).toEqual([rows[1]]);
      expect([...model.verdicts()]).toEqual([verdicts[1], released]);
      expect([...model.reasons()]).toEqual([
        ['silenced', 1],
        ['window_held', 1],
      ]);
      // Muted, released, and muted again by a retry, in one commit.
      const again = mutedOf('r4', { position: at(6n) });
      model.commit(
        commitOf(3n, {
          mutedRequests: [mutedOf('r4', { position: at(4n) }), again],
          releasedRequests: [{ event: 'r4', position: at(4n) }],
          verdicts: [silenced('r4', 4n), silenced('r4', 6n)],
        }),
      );
      expect(model.mutedRequestsOf(['r4'])).toEqual([again]);
      expect(model.reasons().get('silenced')).toBe(2);
    });

    test('finds single verdicts by place, by message and by user', () => {
      const about = (event: string, user: string, windowStart: number, place: bigint) =>
        verdictOf(event, { user, windowStart, position: { commit: place, prepare: place } });
      const published = { verdict: 'published', messageId: 'abcdefgh-1', sequence: 1n } as const;
      const rows = [
        { ...about('r1', '1', 10, 1n), ...published },
        about('r2', '1', 20, 2n),
        about('r3', '2', 20, 3n),
        { ...about('r4', '1', 30, 4n), ...published, messageId: 'abcdefgh-2' },
      ];
      model.commit(commitOf(4n, { verdicts: rows }));
      const found = (direction: 'forwards' | 'backwards', windowStart: number, limit: number) =>
        model.verdictsAbout('1', { direction, windowStart, limit }).map(({ event }) => event);
      expect(model.verdictAt({ commit: 3n, prepare: 3n })).toEqual(rows[2]);
      expect(model.verdictAt({ commit: 3n, prepare: 2n })).toBeUndefined();
      expect(model.verdictOfMessage('abcdefgh-2')).toEqual(rows[3]);
      expect(model.verdictOfMessage('abcdefgh-3')).toBeUndefined();
      const from = (commit: bigint, limit: number) =>
        model.publishedAfter({ commit, prepare: commit }, limit).map(({ event }) => event);
      expect([from(0n, 9), from(1n, 9), from(0n, 1), from(4n, 9)]).toEqual([
        ['r1', 'r4'],
        ['r4'],
        ['r1'],
        [],
      ]);
      expect(found('forwards', 20, 9)).toEqual(['r2', 'r4']);
      expect(found('backwards', 20, 9)).toEqual(['r2', 'r1']);
      expect(found('backwards', 30, 1)).toEqual(['r4']);
    });

    test('keeps 64-bit numbers and the first checkpoint without an event whole', () => {
      const largest = 2n ** 63n - 1n;
      const checkpoint = checkpointAt(largest, {
        output: null,
        lastEvent: null,
        position: { commit: largest, prepare: largest - 1n },
      });
      model.commit({
        ...commitOf(0n, {
          recentMessages: [recentMessageOf(largest, { position: checkpoint.position })],
        }),
        checkpoint,
      });
      reopen();
      expect(model.checkpoint()).toEqual(checkpoint);
      expect(model.lastRecentMessage()?.sequence).toBe(largest);
      expect(model.recentMessagesAfter(largest - 1n)).toHaveLength(1);
      expect(model.recentMessagesAfter(largest)).toEqual([]);
    });

    test('moves its checkpoint without messages', () => {
      model.commit(commitOf(5n, { recentMessages: recentMessagesFrom(1, 5) }));
      model.commit(commitOf(5n, {}, { position: { commit: 900n, prepare: 900n } }));
      reopen();
      expect(model.checkpoint()?.position.commit).toBe(900n);
      expect(model.lastRecentMessage()?.sequence).toBe(5n);
    });

    test('finds the notices within ranges, and no others', () => {
      fc.assert(
        fc.property(sentNotificationsOfFew, fc.array(rangesOfFew), (all, ranges) => {
          model.reset();
          model.commit(commitOf(1n, { sentNotifications: all }));
          const expected = all.filter((notice) => ranges.some((range) => isWithin(range, notice)));
          expect(byId(model.sentNotificationsIn(ranges))).toEqual(byId(expected));
        }),
        { numRuns: 200 },
      );
    });

    test('finds thousands of ranges at once, each notice once, in the order of the ranges', () => {
      const all = Array.from({ length: 3_001 }, (_, user) =>
        sentNotificationOf({ id: `notice-${user}`, user: String(user + 1) }),
      );
      model.commit(commitOf(1n, { sentNotifications: all }));
      const notices = all.toReversed();
      for (const axis of ['requestedAt', 'recordedAt'] as const) {
        const ranges = notices.map((notice) => aroundOf(notice, axis));
        expect(model.sentNotificationsIn([...ranges, ...ranges])).toEqual(notices);
      }
      expect(model.sentNotificationsIn([])).toEqual([]);
    });

    test('finds every notice of a window that was let through again', () => {
      const twice = [sentNotificationOf(), sentNotificationOf({ id: 'notice-2' })];
      for (const [index, notice] of twice.entries()) {
        model.commit(commitOf(BigInt(index), { sentNotifications: [notice] }));
      }
      expect(model.sentNotificationsIn([aroundOf(sentNotificationOf(), 'requestedAt')])).toEqual(
        twice,
      );
      const line = '42:important_urgent_task:2026-04-30T02:00:00Z';
      expect([...model.dedupeKeys()]).toEqual([line, line]);
    });

    test('finds notices by their names, where subject and id are both right', () => {
      const sentNotifications = [
        sentNotificationOf(),
        sentNotificationOf({ id: 'notice-2', user: '43' }),
      ];
      model.commit(commitOf(1n, { sentNotifications }));
      const { mock, user, triggerType, id } = sentNotificationOf();
      const ref = { mock, user, triggerType, id };
      expect(model.sentNotificationsById([ref])).toEqual([sentNotificationOf()]);
      const others = [{ mock: true }, { user: '43' }, { triggerType: 'a' }, { id: 'notice-2' }];
      expect(model.sentNotificationsById(others.map((other) => ({ ...ref, ...other })))).toEqual(
        [],
      );
    });

    test('keeps what a notice was amended to last, also to the next owner', () => {
      const sentNotifications = [
        sentNotificationOf(),
        sentNotificationOf({ id: 'notice-2', severity: 'urgent', bypass: true }),
      ];
      model.commit(commitOf(1n, { sentNotifications }));
      const released = sentNotificationOf({ released: true, releases: 1 });
      const again = { ...released, released: false, heldAt: AT + 9 };
      model.commit(commitOf(2n, { amended: [released, again] }));
      reopen();
      expect([...model.sentNotifications()]).toEqual([again, sentNotifications[1]]);
      const { mock, user, triggerType, id } = again;
      expect(model.sentNotificationsById([{ mock, user, triggerType, id }])).toEqual([again]);
    });

    test('amends what the same commit has brought', () => {
      const amended = sentNotificationOf({ released: true, releases: 1 });
      model.commit(commitOf(1n, { sentNotifications: [sentNotificationOf()], amended: [amended] }));
      expect([...model.sentNotifications()]).toEqual([amended]);
    });

    test('lists the dedupe keys bytewise as they are written', () => {
      fc.assert(
        fc.property(sentNotificationLists, (all) => {
          model.reset();
          model.commit(commitOf(1n, { sentNotifications: all }));
          const sorted = all
            .map((notice) => dedupeKeyOf(notice))
            .map((line) => Buffer.from(line))
            .sort((a, b) => Buffer.compare(a, b));
          expect([...model.dedupeKeys()]).toEqual(sorted.map(String));
        }),
        { numRuns: 60 },
      );
    });

    test('lists dedupe keys again from the start, also after an abandoned list', () => {
      model.commit(batchUpTo(30n));
      for (const line of model.dedupeKeys()) {
        expect(line).toContain(':');
        break;
      }
      model.commit(batchUpTo(60n));
      expect([...model.dedupeKeys()]).toHaveLength(60);
    });

    test('keeps the last 10,000 messages', () => {
      model.commit(commitOf(6_000n, { recentMessages: recentMessagesFrom(1, 6_000) }));
      model.commit(commitOf(10_000n, { recentMessages: recentMessagesFrom(6_001, 10_000) }));
      expect(model.recentMessagesAfter(0n)).toHaveLength(10_000);
      model.commit(commitOf(10_003n, { recentMessages: recentMessagesFrom(10_001, 10_003) }));
      const kept = model.recentMessagesAfter(0n);
      expect([kept[0]?.sequence, kept.length, model.lastRecentMessage()]).toEqual([
        4n,
        10_000,
        recentMessageOf(10_003n),
      ]);
      expect(model.recentMessagesAfter(10_001n)).toEqual(recentMessagesFrom(10_002, 10_003));
    });

    test('begins a new tail with a new output, and takes a list up again where it goes on', () => {
      model.commit(commitOf(9n, { recentMessages: recentMessagesFrom(1, 9) }));
      model.commit(commitOf(8n, { recentMessages: [recentMessageOf(8n, { id: 'another' })] }));
      expect(model.recentMessagesAfter(6n).map((row) => row.id)).toEqual(['message-7', 'another']);
      model.commit(commitOf(4n, { recentMessages: [recentMessageOf(4n)] }, { output: 'output-2' }));
      expect(model.recentMessagesAfter(0n)).toEqual([recentMessageOf(4n)]);
      model.commit(commitOf(0n, {}, { output: 'output-3' }));
      expect(model.lastRecentMessage()).toBeUndefined();
    });

    test('replaces the verdict of a parked request when it is decided again', () => {
      const parked = (event: string) => verdictOf(event, { verdict: 'parked', reason: 'schema' });
      model.commit(
        commitOf(1n, {
          verdicts: [parked('r1'), parked('r2')],
          parked: [parkedOf('r1'), parkedOf('r2')],
        }),
      );
      model.commit(commitOf(1n, { verdicts: [verdictOf('r1')], unparked: ['r1'] }));
      expect(model.parked()).toEqual([parkedOf('r2')]);
      expect(model.parkedCount()).toBe(1);
      expect([...model.verdicts()]).toEqual([parked('r2'), verdictOf('r1')]);
      expect(model.reasons()).toEqual(
        new Map([
          ['schema', 1],
          ['window_held', 1],
        ]),
      );
      // Parked and decided again in one commit.
      model.commit(commitOf(1n, { verdicts: [parked('r3'), verdictOf('r3')] }));
      expect([...model.verdicts()]).toEqual([parked('r2'), verdictOf('r1'), verdictOf('r3')]);
      expect(model.reasons().get('schema')).toBe(1);
    });

    test('keeps an event that is parked again', () => {
      model.commit(commitOf(1n, { parked: [parkedOf('r1'), parkedOf('r2')] }));
      model.commit(
        commitOf(1n, { unparked: ['r1', 'r2'], parked: [parkedOf('r1', { detail: 'again' })] }),
      );
      expect(model.parked()).toEqual([parkedOf('r1', { detail: 'again' })]);
    });

    test('counts what was not let through by reason', () => {
      const reasons = ['window_held', 'expired', 'window_held'];
      model.commit(
        commitOf(1n, {
          verdicts: [
            ...reasons.map((reason, index) => verdictOf(`r${index}`, { reason })),
            verdictOf('r9', { verdict: 'published', reason: 'expired' }),
          ],
        }),
      );
      expect([...model.reasons()]).toEqual([
        ['expired', 1],
        ['window_held', 2],
      ]);
    });
  });
}

function isWithin(range: SentNotificationRange, notice: SentNotification): boolean {
  return (
    range.user === notice.user &&
    range.triggerType === notice.triggerType &&
    range.mock === notice.mock &&
    (range.target === null ||
      (range.target.targetType === notice.targetType &&
        range.target.targetId === notice.targetId)) &&
    range.from <= notice[range.axis] &&
    notice[range.axis] < range.to
  );
}

/** The narrowest range that a notice is in. */
function aroundOf(
  notice: SentNotification,
  axis: SentNotificationRange['axis'],
): SentNotificationRange {
  const { mock, user, triggerType } = notice;
  const instants = { axis, from: notice[axis], to: notice[axis] + 1 };
  return { mock, user, triggerType, ...instants, target: null };
}

/** Each once, by id. */
function byId(all: readonly SentNotification[]): readonly SentNotification[] {
  const distinct = new Map(all.map((notice) => [notice.id, notice]));
  return [...distinct.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
