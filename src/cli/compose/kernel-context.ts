// The context of the command line's commands: the system's runtime, and the actor that the log records.
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { KernelContext } from '../../kernel/decider/decider.ts';
import { systemRuntime } from '../../kernel/decider/runtime.ts';

/** The actor of commands that name none. */
export const CLI_ACTOR = 'cli';

export function kernelContext(store: EventStore, kernel: string): KernelContext {
  return { store, kernel, runtime: systemRuntime() };
}
