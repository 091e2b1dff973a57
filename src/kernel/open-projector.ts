// Opens a projector with the system's clock and the kernel's control stream.
import { TocsinError } from '../domain/core/errors.ts';
import { controlStream, DEFAULT_KERNEL_NAME } from '../domain/core/ids.ts';
import type { ControlState } from '../domain/control/state.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import { assertNotHidden, hiddenStreams } from '../domain/ports/hidden-stream.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import { archivedStore } from '../projections/archive/archived-log.ts';
import type { ArchiveSource } from '../projections/archive/format.ts';
import { signedOutput, type MessageKeys } from '../projections/message-signature.ts';
import { noTelemetry, type Telemetry } from '../domain/ports/telemetry.ts';
import type { Output } from '../projections/output.ts';
import type { ReadModel, ReadModelCommit } from '../projections/read-model.ts';
import { SHIPPED_RULESETS, type Rulesets } from '../projections/dedupe/rulesets.ts';
import { DEFAULT_TIMING, type Timing } from '../projections/publisher/context.ts';
import { createProjector, type Projector } from '../projections/publisher/projector.ts';
import { appendControl, initialiseControl, readControl } from './control/control.ts';
import { systemRuntime } from './decider/runtime.ts';

/** How long a projector looks for streams whose metadata hide events, and how many it names. */
const HIDDEN_LOOK_MS = 5_000;
const MOST_HIDDEN = 10;

/** The caller closes store and state after the projector has stopped. */
export type ProjectorOptions = {
  readonly store: EventStore;
  /**
   * The files of the log's archives, each an `archiveSource`: a projector without its read model, or behind an archive, folds
   * them first. Without them it refuses (`log_archived`).
   */
  readonly archives?: readonly ArchiveSource[];
  readonly output: Output;
  /** The read model; this projector is its one owner. */
  readonly state: ReadModel;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** Put before every subject: empty, or tokens that end in a dot. Must be the output's. Default empty. */
  readonly subjectRoot?: string;
  /** `ce-source` of every message. Default `/tocsin`. */
  readonly source?: string;
  /** Signs the requests to the worker, with the first of the keys; the worker gets the same keys. */
  readonly messageKeys?: MessageKeys | undefined;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Gets traces of messages; their metrics are in the status. Default: none. */
  readonly telemetry?: Telemetry;
  /** The actor of events that this projector writes into the log. */
  readonly actor?: string;
  /** Called with each commit after it is durable; must not throw. */
  readonly onCommit?: (commit: ReadModelCommit) => void;
  /** @internal Waiting times, for tests. */
  readonly timing?: Partial<Timing>;
  /** @internal Milliseconds that never run backwards, for tests. */
  readonly elapsed?: () => number;
  /** @internal For tests. Default: the shipped rulesets. */
  readonly rulesets?: Rulesets;
};

/**
 * Opens a projector, which publishes the messages of the log in order, each once; `run` and `once` start it. Nothing is
 * read before that, so a store that is away is an outage that `run` waits out.
 * @throws TocsinError `usage` for bad options
 */
export function openProjector(options: ProjectorOptions): Projector {
  const { output, state, clock, messageKeys, archives = [], logger = silentLogger } = options;
  const { name = DEFAULT_KERNEL_NAME, subjectRoot = '', source = '/tocsin' } = options;
  assertNames(subjectRoot, source);
  const runtime = systemRuntime(clock);
  const whole = { kernel: name, archives, now: runtime.now, verifiesFirst: true };
  const store = archivedStore(options.store, whole);
  const context = { store, kernel: name, runtime };
  const call = { actor: options.actor ?? 'projector' };
  let isInitialised = false;
  const read = async (): Promise<ControlState> => {
    if (isInitialised) return readControl(store, name);
    await assertNotHidden(store, controlStream(name));
    const state = await initialiseControl(context, call);
    isInitialised = true;
    void nameHidden(store, name, logger);
    return state;
  };
  return createProjector({
    kernel: name,
    store,
    output: messageKeys === undefined ? output : signedOutput(output, messageKeys),
    state,
    names: { subjectRoot, source },
    rulesets: options.rulesets ?? SHIPPED_RULESETS,
    control: {
      read,
      append: (decide) => appendControl(context, decide, call),
    },
    logger,
    telemetry: options.telemetry ?? noTelemetry,
    onCommit: options.onCommit ?? (() => undefined),
    timing: { ...DEFAULT_TIMING, ...options.timing },
    ...runtime,
    elapsed: options.elapsed ?? runtime.elapsed,
  });
}

/** Beside the projection: what is hidden already stops it where it matters. */
async function nameHidden(store: EventStore, kernel: string, logger: Logger): Promise<void> {
  try {
    const signal = AbortSignal.timeout(HIDDEN_LOOK_MS);
    for (const { stream, keys } of await hiddenStreams(store, kernel, MOST_HIDDEN, signal)) {
      const text = 'metadata let events of this stream vanish: remove the keys before a scavenge';
      logger.warn({ stream, keys: keys.join(', ') }, text);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.debug({ reason }, 'the metadata of streams cannot be read');
  }
}

function assertNames(subjectRoot: string, source: string): void {
  if (!/^(?:[A-Za-z0-9_-]+\.)*$/.test(subjectRoot)) {
    throw new TocsinError('usage', 'invalid_subject_root', 'the subject root is not one', {
      hint: 'Use tokens of A-Z a-z 0-9 _ -, each ended by a dot, such as `acme.`.',
    });
  }
  if (!/^[!-~]{1,256}$/.test(source)) {
    throw new TocsinError('usage', 'invalid_source', 'the CloudEvents source is not one', {
      hint: 'Use a URI reference of visible ASCII, such as /tocsin.',
    });
  }
}
