// 'tocsin/schedule': triggers from tasks and calendars: due jobs, detectors, evaluation. Re-exports only.
export { scheduleProduct, scheduleTriggers } from './schedule/triggers.ts';
export { scheduleTexts } from './schedule/texts.ts';
export type { ScheduleTexts } from './schedule/texts.ts';
export { taskEvaluator } from './schedule/evaluation/task-evaluator.ts';
export type { TaskEvaluator, TaskEvaluatorOptions } from './schedule/evaluation/task-evaluator.ts';
export { DEFAULT_SLOT_TABLE } from './schedule/evaluation/slots.ts';
export type { SlotTable } from './schedule/evaluation/slots.ts';
export { DUE_JOB_INDEX, scannerProcess } from './schedule/scanner.ts';
export type { ScannerOptions } from './schedule/scanner.ts';
export { taskFollowerProcess } from './schedule/task-follower.ts';
export type { TaskFollowerOptions } from './schedule/task-follower.ts';
export { BUILT_IN_DETECTORS } from './schedule/detectors/built-in.ts';
export { urgentTask } from './schedule/detectors/urgent-task.ts';
export { endedBlock } from './schedule/detectors/ended-block.ts';
export type {
  DetectedTrigger,
  Detector,
  Look,
  LookContext,
} from './schedule/detectors/detector.ts';
export type { Finding, Recheck, Watch } from './schedule/due-job/commands.ts';
export type { Subject } from './schedule/due-job/stream.ts';
export { openTaskFiles } from './schedule/tasks/files/files.ts';
export type { Reading, TaskFiles, TaskFilesOptions } from './schedule/tasks/files/files.ts';
export type { Problem } from './schedule/tasks/problems.ts';
export type { ScheduledBlock, Task, TaskChange, TaskSource } from './schedule/tasks/task-source.ts';
