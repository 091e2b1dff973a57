// Fingerprints of what a source says: the same facts give the same text, in every process.
import { uuidOf } from '../../domain/core/ids.ts';
import { oneLine } from '../../domain/core/text.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';

/** The fingerprint of something that is not there. */
export const GONE = 'gone';

/** What counts about a task; a new title is no reason to look at it again. */
export function seenTask(task: Task | undefined): string {
  if (task === undefined) return GONE;
  const { priority, completed, deadlineAt, urgencyThresholdAt, estimatedSections } = task;
  const facts = [priority, completed, deadlineAt, urgencyThresholdAt, estimatedSections];
  return uuidOf('task', ...facts.map(String));
}

/** What counts about a block. */
export function seenBlock(block: ScheduledBlock | undefined): string {
  if (block === undefined) return GONE;
  const { taskId, startAt, endAt, completed } = block;
  return uuidOf('block', ...[taskId, startAt, endAt, completed].map(String));
}

/** The message of an error as the log holds it: short, and on one line. */
export function detailOf(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : String(error);
  return oneLine(text) || undefined;
}
