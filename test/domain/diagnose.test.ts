// Checks the built-in evaluator's table, row by row, and the slots that it chooses.
import { describe, expect, test } from 'vitest';
import {
  actionOf,
  diagnose,
  HORIZON_MS,
  type TargetFacts,
} from '../../src/schedule/evaluation/diagnose.ts';
import {
  DEFAULT_SLOT_TABLE,
  firstConsecutive,
  slotsBetween,
  type SlotTable,
} from '../../src/schedule/evaluation/slot-table.ts';
import type { ScheduledBlock, Task } from '../../src/schedule/tasks/task-source.ts';

const at = (text: string): number => Date.parse(text);
const now = at('2026-04-30T07:00:00+08:00');
const slots = slotsBetween(DEFAULT_SLOT_TABLE, now, now + HORIZON_MS);

const task: Task = {
  userId: '1',
  taskId: '7',
  title: 'Essay',
  priority: 1,
  completed: false,
  estimatedSections: 2,
};

const block = (
  startAt: number,
  endAt: number,
  more: Partial<ScheduledBlock> = {},
): ScheduledBlock => ({
  userId: '1',
  blockId: 'b',
  title: 'Lecture',
  startAt,
  endAt,
  completed: false,
  ...more,
});

const aboutTask = (more: Partial<Extract<TargetFacts, { about: 'task' }>> = {}): TargetFacts => ({
  about: 'task',
  now,
  slots,
  blocks: [],
  task,
  ...more,
});

const aboutFeedback = (
  more: Partial<Extract<TargetFacts, { about: 'feedback' }>> = {},
): TargetFacts => ({
  about: 'feedback',
  now,
  slots,
  blocks: [],
  isIdentified: true,
  block: block(now - 7_200_000, now - 3_600_000, { taskId: '7' }),
  ...more,
});

/** Everything is taken but these sections of the first day. */
const allBut = (...free: number[]): ScheduledBlock[] =>
  slots
    .filter(({ section, day }) => day !== '2026-04-30' || !free.includes(section))
    .map(({ startAt, endAt }) => block(startAt, endAt));

describe('diagnose of a task', () => {
  test.each<[string, TargetFacts]>([
    ['target_completed', aboutTask({ task: { ...task, completed: true }, slots: [] })],
    [
      'target_already_scheduled',
      aboutTask({ blocks: [block(now + 1000, now + 2000, { taskId: '7' })], slots: [] }),
    ],
    ['no_valid_time_window', aboutTask({ task: undefined })],
    ['no_valid_time_window', aboutTask({ slots: [] })],
    ['no_free_slot', aboutTask({ blocks: allBut() })],
    ['capacity_insufficient', aboutTask({ blocks: allBut(3) })],
    ['capacity_insufficient', aboutTask({ task: { ...task, deadlineAt: now - 1 } })],
    ['no_contiguous_slots', aboutTask({ blocks: allBut(1, 3, 5) })],
    ['can_add_task_pool_to_schedule', aboutTask({ blocks: allBut(1, 3, 5, 6) })],
  ])('is found as %s', (issue, facts) => {
    expect(diagnose(facts).issue).toBe(issue);
  });

  test('gives a task the first adjacent sections before its deadline', () => {
    const { chosen, metrics } = diagnose(aboutTask({ blocks: allBut(2, 5, 6, 9, 10) }));
    expect(chosen?.map(({ section }) => section)).toEqual([5, 6]);
    expect(metrics).toEqual({ slots: 12, free: 5, usable: 5, needed: 2, capacityGap: 0 });
    const deadlineAt = at('2026-04-30T14:00:00+08:00');
    const late = aboutTask({ blocks: allBut(2, 5, 6), task: { ...task, deadlineAt } });
    expect(diagnose(late).issue).toBe('no_contiguous_slots');
  });

  test('gives a task of invalid size at least one and at most four sections', () => {
    const needed = (estimatedSections: number): number =>
      diagnose(aboutTask({ task: { ...task, estimatedSections } })).metrics.needed;
    expect([-1, 0, 1, 4, 5].map(needed)).toEqual([1, 1, 1, 4, 4]);
  });
});

describe('diagnose of a feedback', () => {
  test.each<[string, TargetFacts]>([
    ['feedback_target_unknown', aboutFeedback({ isIdentified: false })],
    ['feedback_target_unknown', aboutFeedback({ block: undefined })],
    ['target_completed', aboutFeedback({ block: block(now, now, { completed: true }) })],
    ['no_free_slot', aboutFeedback({ blocks: allBut() })],
    ['nothing_to_make_up', aboutFeedback({ block: block(now - 2, now - 1) })],
    ['need_makeup_block', aboutFeedback({ blocks: allBut(4) })],
  ])('is found as %s', (issue, facts) => {
    expect(diagnose(facts).issue).toBe(issue);
  });
});

test('each finding that is not closed names the kind of its preview', () => {
  expect(actionOf('target_completed')).toBe('close');
  expect(actionOf('feedback_target_unknown')).toBe('question');
  expect(actionOf('no_contiguous_slots')).toBe('reminder');
  expect(actionOf('need_makeup_block')).toBe('proposal');
});

describe('the slot table', () => {
  test('has the slots that start within the window, in local time of the zone', () => {
    const from = at('2026-04-30T10:15:00+08:00');
    const day = slotsBetween(DEFAULT_SLOT_TABLE, from, from + HORIZON_MS);
    expect(day).toHaveLength(12);
    expect(day[0]).toEqual({
      day: '2026-04-30',
      section: 3,
      startAt: from,
      endAt: at('2026-04-30T11:00:00+08:00'),
    });
    expect(day.at(-1)).toMatchObject({ day: '2026-05-01', section: 2 });
  });

  test('follows the clock changes of a zone', () => {
    const table: SlotTable = { timeZone: 'Europe/Berlin', sections: [['09:00', '10:00']] };
    const from = at('2026-03-28T00:00:00Z');
    const starts = slotsBetween(table, from, from + 3 * HORIZON_MS).map(({ startAt }) =>
      new Date(startAt).toISOString(),
    );
    expect(starts).toEqual([
      '2026-03-28T08:00:00.000Z',
      '2026-03-29T07:00:00.000Z',
      '2026-03-30T07:00:00.000Z',
    ]);
  });

  test('never joins slots of two days', () => {
    const ends = slots.filter(({ section }) => section >= 12);
    const next = slotsBetween(DEFAULT_SLOT_TABLE, now + HORIZON_MS, now + 2 * HORIZON_MS);
    expect(firstConsecutive([...ends, ...next.slice(0, 1)], 2)).toBeUndefined();
    expect(firstConsecutive(next, 4)?.map(({ section }) => section)).toEqual([1, 2, 3, 4]);
  });
});
