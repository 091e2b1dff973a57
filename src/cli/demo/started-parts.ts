import type { Kernel } from '../../kernel/open-kernel.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import type { Config } from '../config/config.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Narrator } from './narrator.ts';

/** The parts that `tocsin start` has opened. */
export type StartedParts = {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly wasInterrupted: () => boolean;
  readonly kernel: Kernel;
  readonly projector: Projector;
  readonly narrator: Narrator;
  /** Of `performance.now()`. */
  readonly startedAt: number;
};
