// How commands write into the control stream: by the system's clock, under a name that the log keeps.
import { randomUUID } from 'node:crypto';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { ControlWriter } from '../../kernel/control/control.ts';
import { executeContext } from '../../kernel/decider/runtime.ts';

/** Who a command's decisions are by, unless it is told. */
export const CLI_ACTOR = 'cli';

/** A writer for one command. */
export function controlWriter(
  store: EventStore,
  kernel: string,
  actor: string = CLI_ACTOR,
): ControlWriter {
  return {
    ...executeContext(store),
    kernel,
    newId: randomUUID,
    actor,
  };
}
