// What the runner takes from its surroundings. Time and waiting are arguments here too, so that the
// whole projector can be driven by a virtual clock.
import type { ControlEvent } from '../../domain/control/events.ts';
import type { ControlState } from '../../domain/control/state.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { MessageNames } from '../dedupe/messages.ts';
import type { Output } from '../output.ts';
import type { ReadModel, ReadModelCommit } from '../read-model.ts';

/** The control stream, as the projector needs it. */
export type ControlPort = {
  readonly read: () => Promise<ControlState>;
  /** Appends what `decide` makes of the state; decided anew when somebody else wrote. */
  readonly append: (decide: (state: ControlState) => readonly ControlEvent[]) => Promise<void>;
};

/** An operator's way on from a refusal (design section 5.5). */
export type RecoveryMode =
  | { readonly kind: 'from_start' | 'from_now' | 'adopt_tail'; readonly reason?: string }
  | {
      readonly kind: 'resend_from';
      /** Messages of events after this `commit/prepare` go out again. */
      readonly position: string;
      readonly reason?: string;
    };

/** Numbers that only tests change. */
export type Timing = {
  /** How long a shorter output stream is watched before its lost messages are sent again. */
  readonly lostMessagesMs: number;
  /** How long the output must stand still before a standby takes over. */
  readonly takeoverMs: number;
  /** How often a standby looks at the output, and an idle projector checks that it is still there. */
  readonly pollMs: number;
  readonly idleCheckMs: number;
  /** Upper bound of the wait between two tries. */
  readonly maxBackoffMs: number;
};

export const DEFAULT_TIMING: Timing = {
  lostMessagesMs: 10_000,
  takeoverMs: 10_000,
  pollMs: 500,
  idleCheckMs: 5_000,
  maxBackoffMs: 30_000,
};

export type ProjectorContext = {
  readonly kernel: string;
  readonly store: EventStore;
  readonly output: Output;
  readonly state: ReadModel;
  readonly control: ControlPort;
  readonly names: MessageNames;
  readonly logger: Logger;
  /** Told of each commit after it is durable; must not throw. */
  readonly onCommit: (commit: ReadModelCommit) => void;
  readonly timing: Timing;
  readonly now: () => Instant;
  /** Milliseconds that never run backwards. */
  readonly elapsed: () => number;
  /** Waits; returns early, without an error, when the signal is raised. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random: () => number;
};
