// Fingerprints of tasks and blocks: the same facts give the same fingerprint in every process.
import { uuidOf } from '../../domain/core/ids.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';

/** The fingerprint of a missing task or block. */
export const GONE = 'gone';

/** Of a task; without its title, which no inspection depends on. */
export function taskFingerprint(task: Task | undefined): string {
  if (task === undefined) return GONE;
  const { priority, completed, deadlineAt, urgencyThresholdAt, estimatedSections } = task;
  const facts = [priority, completed, deadlineAt, urgencyThresholdAt, estimatedSections];
  return uuidOf('task', ...facts.map(String));
}

/** Of a block; without its title. */
export function blockFingerprint(block: ScheduledBlock | undefined): string {
  if (block === undefined) return GONE;
  const { taskId, startAt, endAt, completed } = block;
  return uuidOf('block', ...[taskId, startAt, endAt, completed].map(String));
}
