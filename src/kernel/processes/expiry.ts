// Ends expired previews, and applies that were left open: a process manager over the trigger streams. An
// expired preview is refused without this process too; this process records its end in the log.
import { randomUUID } from 'node:crypto';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../../domain/core/ids.ts';
import { APPLY_MARGIN_MS, decideContinueApply } from '../../domain/preview/apply.ts';
import { decideExpire } from '../../domain/preview/end.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { Clock, Runtime } from '../../domain/ports/runtime.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import type { DueEntry, DueIndex } from './due/due-index.ts';
import { runApply } from '../previews/apply.ts';
import type { DueChange } from './due/options.ts';
import { dueProcess } from './due/due-process.ts';
import type { Process } from './due/process.ts';
import { systemRuntime } from '../decider/runtime.ts';
import { append, tracedDecider, triggerEventOf, triggerPrefixes } from './trigger-streams.ts';

/** The name of the due index. Rows with another meaning need another name. */
export const EXPIRY_INDEX = 'expiry.1';

export type ExpiryOptions = {
  readonly store: EventStore;
  /** Opened under {@link EXPIRY_INDEX}, for this process alone. */
  readonly index: DueIndex;
  /** Continues, under its apply id, an apply that a crashed process left open. Absent: its outcome stays unknown. */
  readonly apply?: ApplyPreview | undefined;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly telemetry?: Telemetry;
  /** Called each time that the rows contain the whole log. */
  readonly onCaughtUp?: () => void;
  /** For tests. */
  readonly runtime?: Runtime;
};

/** The process that ends expired previews, and applies that were left open. */
export function expiryProcess(options: ExpiryOptions): Process {
  const { runtime = systemRuntime(options.clock), name = DEFAULT_KERNEL_NAME } = options;
  const { store, index, apply, logger = silentLogger, onCaughtUp } = options;
  const context = { store, runtime, apply };

  const handle = async ({ key, stream }: DueEntry): Promise<void> => {
    const occurrence = parseOccurrenceId(name, key)?.occurrence ?? 0;
    const { origins } = (await tracedDecider.load(store, stream)).state;
    const command = { id: randomUUID(), actor: 'expiry', origin: origins[occurrence - 1] };
    const answer = await append(context, stream, command, (state, at) =>
      decideContinueApply(offeredOf(state, occurrence), { hasPort: apply !== undefined }, at),
    );
    if (answer?.kind === 'apply') {
      const { id: commandId, actor, origin } = command;
      await runApply(context, { ...answer, stream, startedBy: { ...origin, commandId, actor } });
    }
    if (answer !== undefined) return;
    await append(context, stream, command, (state, at) => ({
      events: decideExpire(offeredOf(state, occurrence), at),
    }));
  };

  return dueProcess({
    ...runtime,
    name: 'expiry',
    index,
    store,
    prefixes: triggerPrefixes(name),
    changeOf: expiryRows,
    handle,
    logger,
    telemetry: options.telemetry,
    onCaughtUp,
  });
}

/** The due row of a preview after one of its events. */
export function expiryRows(recorded: RecordedEvent): DueChange | undefined {
  const event = triggerEventOf(recorded);
  const { stream } = recorded;
  switch (event?.type) {
    case 'PreviewOffered':
    case 'ApplyFailed': {
      const { previewId: key, expiresAt: dueAt } = event.data;
      return { put: [{ key, stream, dueAt, rank: 0 }] };
    }
    case 'ApplyStarted': {
      const { previewId: key, leaseUntil } = event.data;
      return { put: [{ key, stream, dueAt: leaseUntil + APPLY_MARGIN_MS, rank: 0 }] };
    }
    case 'PreviewEnded':
      return { remove: [event.data.previewId] };
    default:
      return undefined;
  }
}
