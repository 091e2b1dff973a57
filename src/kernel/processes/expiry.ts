// The end of a preview's time, and of an apply that nobody answered: a process manager over the trigger
// streams. Without it a preview past its time is refused all the same; with it, the log says so.
import { randomUUID } from 'node:crypto';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../../domain/core/ids.ts';
import { APPLY_MARGIN_MS, decideContinueApply } from '../../domain/preview/apply.ts';
import { decideExpire } from '../../domain/preview/end.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type { DueEntry, DueIndex } from './due/due-index.ts';
import { runApply } from '../previews/apply.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import type { DueChange } from './due/options.ts';
import { dueProcess } from './due/due-process.ts';
import type { Process } from './due/process.ts';
import { systemRuntime } from '../decider/runtime.ts';
import { append, tracedDecider, triggerEventOf, triggerPrefixes } from './trigger-streams.ts';

/** The index's name: it says how its rows are made. */
export const EXPIRY_INDEX = 'expiry.1';

export type ExpiryOptions = {
  readonly store: EventStore;
  /** Opened under {@link EXPIRY_INDEX}, for this process alone. */
  readonly index: DueIndex;
  /** Carries on, under its apply id, what a crashed process left open. Absent: nobody knows then. */
  readonly apply?: ApplyPreview | undefined;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Told each time that everything in the log has been looked at. */
  readonly onCaughtUp?: () => void;
  /** For tests. */
  readonly surroundings?: Runtime;
};

/** The process that ends previews whose time is over, and applies that were left open. */
export function expiryProcess(options: ExpiryOptions): Process {
  const { surroundings = systemRuntime(options.clock), name = DEFAULT_KERNEL_NAME } = options;
  const { store, index, apply, logger = silentLogger, onCaughtUp } = options;
  const context = { store, runtime: surroundings, apply };

  const handle = async ({ key, stream }: DueEntry): Promise<void> => {
    const occurrence = parseOccurrenceId(name, key)?.occurrence ?? 0;
    const { origins } = (await tracedDecider.load(store, stream)).state;
    const command = { id: randomUUID(), actor: 'expiry', origin: origins[occurrence - 1] };
    const answer = await append(context, stream, command, (state, at) =>
      decideContinueApply(offeredOf(state, occurrence), { hasPort: apply !== undefined }, at),
    );
    if (answer?.kind === 'apply') {
      const { id, actor, origin } = command;
      await runApply(context, {
        ...answer,
        stream,
        startedBy: { ...origin, commandId: id, actor },
      });
    }
    if (answer !== undefined) return;
    await append(context, stream, command, (state, at) => ({
      events: decideExpire(offeredOf(state, occurrence), at),
      answer: undefined,
    }));
  };

  return dueProcess({
    ...surroundings,
    name: 'expiry',
    index,
    store,
    prefixes: triggerPrefixes(name),
    step: expiryRows,
    handle,
    logger,
    ...(onCaughtUp === undefined ? {} : { onCaughtUp }),
  });
}

/** What an event says about when a preview has to be looked at. */
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
