// 'tocsin/schedule': triggers from tasks and calendars: due jobs, detectors, evaluation. Re-exports only.
export { scheduleProduct, scheduleTriggers } from './schedule/triggers.ts';
export { scheduleTexts, type ScheduleTexts } from './schedule/texts.ts';
export { taskEvaluator } from './schedule/evaluation/task-evaluator.ts';
export type { TaskEvaluator, TaskEvaluatorOptions } from './schedule/evaluation/task-evaluator.ts';
export { DEFAULT_SLOT_TABLE, type SlotTable } from './schedule/evaluation/slot-table.ts';
export { DUE_JOB_INDEX, scannerProcess, type ScannerOptions } from './schedule/scanner.ts';
export { taskFollowerProcess, type TaskFollowerOptions } from './schedule/task-follower.ts';
export { BUILT_IN_DETECTORS } from './schedule/detectors/built-in.ts';
export { urgentTask } from './schedule/detectors/urgent-task.ts';
export { endedBlock } from './schedule/detectors/ended-block.ts';
export type {
  DetectedTrigger,
  Detector,
  Inspection,
  InspectionContext,
} from './schedule/detectors/detector.ts';
export type {
  InspectionResult,
  BlockerChanged,
  PlanInspection,
} from './schedule/due-job/commands.ts';
export type { JobSubject } from './schedule/due-job/stream.ts';
export { openTaskFiles } from './schedule/tasks/files/task-files.ts';
export type { TaskFilesSnapshot } from './schedule/tasks/files/read-files.ts';
export type { TaskFiles, TaskFilesOptions } from './schedule/tasks/files/task-files.ts';
export type { EntryProblem } from './schedule/tasks/entry-problem.ts';
export type { ScheduledBlock, Task, TaskChange, TaskSource } from './schedule/tasks/task-source.ts';
