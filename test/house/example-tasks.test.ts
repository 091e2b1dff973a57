import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';
import { beginningAt } from '../../src/cli/demo/example-tasks.ts';

const example = readFileSync(new URL('../../examples/tasks.ics', import.meta.url), 'utf8');

test('beginningAt moves the times of the example to the time of the start', () => {
  const now = Date.UTC(2031, 1, 28, 23, 59, 59, 400);
  const moved = beginningAt(example, now);
  const options = { timeZone: 'UTC', urgencyLeadMs: 24 * 60 * 60_000 };
  const { tasks, blocks, problems, counts } = readCalendar('tasks.ics', moved, now, options);
  expect(problems).toEqual([]);
  expect(counts).toEqual({ imported: 6, ignored: 0, failed: 0 });
  const thesis = tasks.find(({ taskId }) => taskId === 'thesis-outline');
  expect(thesis?.urgencyThresholdAt).toBe(Date.UTC(2031, 2, 1, 0, 0, 2));
  expect(blocks[0]?.endAt).toBe(Date.UTC(2031, 2, 1, 0, 0, 3));
  // Moved as a whole.
  expect(beginningAt(moved, Date.UTC(2026, 0, 5, 8))).toBe(example);
});

test('beginningAt leaves a calendar without X-TOCSIN-EXAMPLE-BEGINS unchanged', () => {
  expect(beginningAt('DUE:20260105T080000Z', 0)).toBe('DUE:20260105T080000Z');
});
