// Archiving for hosts that own their store's file.
import { DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Clock } from '../../domain/ports/runtime.ts';
import type { StreamRemover } from '../../domain/ports/stream-remover.ts';
import type { Call } from '../decider/decider.ts';
import { systemRuntime } from '../decider/runtime.ts';
import {
  archive,
  type ArchiveContext,
  type ArchiveOptions,
  type ArchiveResult,
} from './archive.ts';

/** The parts of a host that an archive needs. */
export type ArchiveParts = Pick<ArchiveContext, 'state' | 'triggers'> & {
  /** The store that this process owns, such as an `embeddedStore`. */
  readonly store: EventStore & StreamRemover;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  readonly clock?: Clock;
};

/**
 * Moves the triggers that were closed before a time out of the log, with their deliveries and idempotency claims, into a file
 * that is checked first and recorded in the log. Kernel, projector, worker and notary may run meanwhile. A call that was cut
 * short is finished by the next.
 *
 * @throws TocsinError `refused`, before anything is removed: `archive_too_recent` where a window or policy still looks back to
 * such events, `archive_not_projected` where the projector is behind them, `archive_plain` for personal texts that are not
 * sealed, `archive_head_differs`, `archive_exists`, `archive_wrong`, `archive_overtaken`; `unavailable` for outages
 */
export function archiveLog(
  { store, state, triggers, name = DEFAULT_KERNEL_NAME, clock }: ArchiveParts,
  options: ArchiveOptions,
  call: Call = {},
): Promise<ArchiveResult> {
  const runtime = systemRuntime(clock);
  return archive({ store, remover: store, kernel: name, runtime, state, triggers }, options, call);
}
