// The parts of a projector. Time and waiting are also parameters, so that tests run the whole projector on a
// virtual clock.
import type { ControlEvent } from '../../domain/control/events.ts';
import type { ControlState } from '../../domain/control/state.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import type { MessageNames } from '../dedupe/messages.ts';
import type { Rulesets } from '../dedupe/rulesets.ts';
import type { Output } from '../output.ts';
import type { ReadModel, ReadModelCommit } from '../read-model.ts';

/** The control stream, as the projector needs it. */
export type ControlPort = {
  readonly read: () => Promise<ControlState>;
  /** Appends the events that `decide` returns; decides again when the stream has changed meanwhile. */
  readonly append: (decide: (state: ControlState) => readonly ControlEvent[]) => Promise<void>;
};

/** How an operator lets a projector go on after a refusal. The choice is recorded in the log. */
export type RecoveryMode =
  | { readonly kind: 'from_start' | 'from_now' | 'adopt_tail'; readonly reason?: string }
  | {
      readonly kind: 'resend_from';
      /** `commit/prepare`: messages of events after this position are sent again. */
      readonly position: string;
      readonly reason?: string;
    };

/** Waiting times in milliseconds. Only tests change them. */
export type Timing = {
  /** How long an output stream that lacks messages is watched before they are sent again. */
  readonly lostMessagesMs: number;
  /** How long the output must stand still before a standby takes over. */
  readonly takeoverMs: number;
  /** How often a standby reads the output stream's end. */
  readonly pollMs: number;
  /** How often an idle projector checks the output stream. */
  readonly idleCheckMs: number;
  /** The longest wait between two epochs. */
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
  readonly rulesets: Rulesets;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  /** Called with each commit after it is durable; must not throw. */
  readonly onCommit: (commit: ReadModelCommit) => void;
  readonly timing: Timing;
  readonly now: () => Instant;
  /** Milliseconds that never run backwards. */
  readonly elapsed: () => number;
  /** Waits; resolves early when the signal is raised. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random: () => number;
};
