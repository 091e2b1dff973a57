// The three tables with hand-written values bind them in the order of their columns.
import { describe, expect, test } from 'vitest';
import {
  RECENT_MESSAGES,
  SENT_NOTIFICATIONS,
  VERDICTS,
} from '../../src/adapters/sqlite/read-model-tables.ts';
import { written } from '../../src/adapters/sqlite/table.ts';

const position = { commit: 1n, prepare: 2n };

describe('table values', () => {
  test('a verdict is bound in the order of its columns', () => {
    const row = {
      event: 'event',
      position,
      stream: 'stream',
      revision: 3n,
      ruleset: 4,
      user: 'user',
      triggerType: 'type',
      windowStart: 5,
      verdict: 'published',
      reason: 'reason',
      basis: 'basis',
      messageId: 'message',
      sequence: 6n,
    } as const;
    expect(VERDICTS.values(row)).toEqual(written(VERDICTS.row, row));
  });

  test.each([
    [true, false, false],
    [false, true, false],
    [false, false, true],
  ])(
    'a sent notification with flags %s, %s, %s is bound in the order of its columns',
    (...flags) => {
      const [mock, bypass, released] = flags;
      const row = {
        id: 'id',
        mock,
        user: 'user',
        triggerType: 'type',
        targetType: 'target_type',
        targetId: 'target',
        windowStart: 1,
        per: 'target',
        suppressedSince: bypass ? { count: 6, firstAt: 7 } : null,
        requestedAt: 2,
        recordedAt: 3,
        severity: null,
        bypass,
        released,
        releases: 4,
        heldAt: 5,
      } as const;
      expect(SENT_NOTIFICATIONS.values(row)).toEqual(written(SENT_NOTIFICATIONS.row, row));
    },
  );

  test('a recent message is bound in the order of its columns', () => {
    const row = {
      sequence: 3n,
      ordinal: 4n,
      source: 'source',
      position,
      stream: 'stream',
      revision: 5n,
      rule: 'rule',
      ruleset: 6,
      id: 'id',
      digest: 'digest',
      recordedAt: 7,
    };
    expect(RECENT_MESSAGES.values(row)).toEqual(written(RECENT_MESSAGES.row, row));
  });
});
