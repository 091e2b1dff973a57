// Reads tasks and blocks from NDJSON lines. Of two lines about the same task or block the later counts.
import { z } from 'zod';
import { describe } from '../../../domain/core/codec.ts';
import { IdSchema } from '../../../domain/core/identity.ts';
import { parseInstant } from '../../../domain/core/instants.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import { readLines } from '../../../adapters/ndjson/lines.ts';
import type { EntryProblem } from '../entry-problem.ts';
import type { FileRows } from '../ical/calendar.ts';

const InstantText = z.string().transform((text, context) => {
  const parsed = parseInstant(text);
  if (parsed.ok) return parsed.value;
  context.issues.push({ code: 'custom', input: text, message: parsed.error });
  return z.NEVER;
});

const common = {
  user_id: IdSchema,
  title: z.string().max(1_000).default(''),
  completed: z.boolean().default(false),
  /** True removes the entry. */
  deleted: z.boolean().default(false),
};

const LineSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('task'),
    ...common,
    task_id: IdSchema,
    priority: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4)]).default(3),
    deadline_at: InstantText.optional(),
    urgency_threshold_at: InstantText.optional(),
    estimated_sections: z
      .int()
      .default(1)
      .transform((sections) => (sections <= 0 ? 1 : Math.min(4, sections))),
  }),
  z.strictObject({
    kind: z.literal('block'),
    ...common,
    block_id: IdSchema,
    series_id: IdSchema.optional(),
    task_id: IdSchema.optional(),
    start_at: InstantText,
    end_at: InstantText,
  }),
]);

type Line = z.output<typeof LineSchema>;

/** Reads all lines and reports those that are not a task or block. */
export async function readTaskLines(
  file: string,
  source: AsyncIterable<Uint8Array>,
): Promise<FileRows> {
  const tasks = new Map<string, Task>();
  const blocks = new Map<string, ScheduledBlock>();
  const problems: EntryProblem[] = [];
  let imported = 0;
  const report = (line: number, code: string, message: string): void => {
    problems.push({ file, line, component: 'line', code, message });
  };
  for await (const page of readLines(source)) {
    for (const item of page) {
      if (item.kind === 'fault') {
        report(item.line, item.code, item.message);
        continue;
      }
      const parsed = LineSchema.safeParse(item.value);
      if (!parsed.success) {
        report(item.line, 'invalid_line', describe(parsed.error));
        continue;
      }
      if (parsed.data.kind === 'block' && parsed.data.end_at < parsed.data.start_at) {
        report(item.line, 'invalid_line', 'end_at: comes before the start');
        continue;
      }
      apply(parsed.data, tasks, blocks);
      imported += 1;
    }
  }
  const counts = { imported, ignored: 0, failed: problems.length };
  return { tasks: [...tasks.values()], blocks: [...blocks.values()], problems, counts };
}

function apply(line: Line, tasks: Map<string, Task>, blocks: Map<string, ScheduledBlock>): void {
  const { user_id: userId, title, completed } = line;
  if (line.kind === 'task') {
    const key = `${userId} ${line.task_id}`;
    const { task_id: taskId, priority, estimated_sections: estimatedSections } = line;
    const times = { deadlineAt: line.deadline_at, urgencyThresholdAt: line.urgency_threshold_at };
    if (line.deleted) tasks.delete(key);
    else
      tasks.set(key, { userId, taskId, title, priority, completed, ...times, estimatedSections });
    return;
  }
  const key = `${userId} ${line.block_id}`;
  const { block_id: blockId, series_id: seriesId, task_id: taskId } = line;
  const times = { startAt: line.start_at, endAt: line.end_at };
  if (line.deleted) blocks.delete(key);
  else blocks.set(key, { userId, blockId, seriesId, title, taskId, ...times, completed });
}
