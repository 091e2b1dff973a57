// The product's own detectors.
import type { Detector } from './detector.ts';
import { endedBlock } from './ended-block.ts';
import { urgentTask } from './urgent-task.ts';

export const BUILT_IN_DETECTORS: readonly Detector[] = [urgentTask, endedBlock];
