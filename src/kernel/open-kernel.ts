// Opens a kernel: the commands that an application calls, over ports.
import { TocsinError } from '../domain/core/errors.ts';
import { checkedNumber } from '../domain/core/options.ts';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../domain/core/ids.ts';
import type { Result } from '../domain/core/result.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import { silentLogger, type Logger } from '../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../domain/ports/telemetry.ts';
import type { ApplyPreview } from '../domain/ports/apply-preview.ts';
import type { Evaluator, LaterEvaluator } from '../domain/ports/evaluator.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import { checkedTexts, textsOf, type Texts } from '../domain/notification/texts.ts';
import type { RaiseInput, Rejection } from '../domain/trigger/commands.ts';
import type { TriggerDefinition } from '../domain/trigger/definitions.ts';
import { occurrenceOf, type Occurrence } from '../domain/trigger/state.ts';
import { ADDRESS_CHANNELS, type AddressRules } from '../domain/channel/address.ts';
import type { SecretVault } from '../domain/ports/secret-vault.ts';
import type { Sender } from '../domain/ports/sender.ts';
import { sealedStore } from './sealing/sealed-store.ts';
import { channelsOf } from './channels/open.ts';
import type { Channels } from './channels/channels.ts';
import { initialiseControl } from './control/control.ts';
import { setDefinitionPolicies } from './control/definition-policies.ts';
import { createPolicies, type Policies } from './control/policies.ts';
import { previewsOf, type Previews } from './previews/previews.ts';
import { systemRuntime } from './decider/runtime.ts';
import { cancel, type CancelResult } from './cancel/cancel.ts';
import type { CancelInput } from '../domain/trigger/cancel.ts';
import { DEFAULT_CONCURRENCY, raiseAll } from './raise/raise-all.ts';
import type { Call } from './decider/decider.ts';
import { raise } from './raise/raise.ts';
import { triggerDecider } from './raise/trigger-decider.ts';
import type { RaiseResult } from './raise/raise-result.ts';
import { dryRun, type DryRun, type RaiseContext } from './raise/prepare.ts';

/** Options of {@link openKernel}. */
export type KernelOptions = {
  /** The event store. The caller closes it after the kernel. */
  readonly store: EventStore;
  /** The trigger types that can be raised; of two with one name the last counts. */
  readonly triggers: readonly TriggerDefinition[];
  /**
   * The sentences of notifications and of test messages, for types without their own. Default: none; then a
   * notification has its summary only.
   */
  readonly texts?: Partial<Texts>;
  /** The channel of notifications whose raise, evaluation and definition name none. Default: none. */
  readonly channel?: string;
  /** The channels that have a sender; a raise for another is refused. Default `feishu` and `webhook`. */
  readonly channels?: readonly string[];
  /** Evaluates triggers of types without an evaluator of their own, within the raise. Default: always notify. */
  readonly evaluate?: Evaluator;
  /**
   * When triggers are evaluated. `inline`, the default: within the raise, by `evaluate`. `later`: a raise
   * appends `TriggerRaised` alone, and a worker's `evaluationProcess` evaluates.
   */
  readonly evaluation?: 'inline' | 'later';
  /** Evaluates dry runs and preview requests when evaluation is `later`. */
  readonly evaluateLater?: LaterEvaluator;
  /** Applies a confirmed preview in the host. Absent: a confirmed preview ends as applied, without effects. */
  readonly apply?: ApplyPreview;
  /** Stores the secrets of channels; without it there are no channels. The caller closes it. */
  readonly vault?: SecretVault;
  /** Seals personal parts of events under a key per user; true with a vault. Sealed events are read either way. */
  readonly seal?: boolean;
  /** Sends test messages to channels. */
  readonly send?: Sender;
  /** Which addresses channels may have. Default: public addresses, https on port 443. */
  readonly addresses?: AddressRules;
  /** Gets warnings about what an evaluation gave. Default: silent. */
  readonly logger?: Logger;
  /** Gets metrics and traces of raises: `openTelemetry(api)` of `tocsin/otel`. Default: none. */
  readonly telemetry?: Telemetry;
  /** The wall clock. Default: the system's. */
  readonly clock?: Clock;
  /** First part of every stream name, `[a-z0-9-]{1,32}`. Default `tocsin`. */
  readonly name?: string;
  /** Append `DuplicateRaised` for each duplicate. Default: duplicates write nothing. */
  readonly recordDuplicates?: boolean;
};

/** A raise of one definition's type, with its payload. */
export type RaiseFields<Input> = Omit<RaiseInput, 'triggerType' | 'payload'> &
  (undefined extends Input ? { readonly payload?: Input } : { readonly payload: Input });

/** One trigger from the log. */
export type TriggerView = Occurrence & { readonly occurrence: number };

export interface Kernel extends AsyncDisposable {
  /** The log's id, made when the log was first opened. */
  readonly storeId: string;
  /**
   * Raises a trigger, once per scope while it is active and once per idempotency key for ever.
   * @throws TocsinError for outages (`unavailable`), and for code of yours that is wrong (`usage`), which writes nothing:
   * `evaluator_failed` (it threw), `evaluator_result` (it returned no evaluation, or a promise), `invalid_evaluation` (its
   * `expiresIn`), `payload_schema_failed`, `host_timeout` (a schema that waits for too long), `invalid_link`
   */
  raise(input: RaiseInput, call?: Call): Promise<RaiseResult>;
  /** The same, with the payload typed by the definition, which must be one of the kernel's. */
  raise<Input>(
    definition: TriggerDefinition<Input>,
    input: RaiseFields<Input>,
    call?: Call,
  ): Promise<RaiseResult>;
  /**
   * Raises many inputs concurrently, and appends those of one user in order. Results come in the input's order.
   *
   * Up to half of `concurrency` raises of one user are on their way at once. A raise that must try again (another writer
   * changes its trigger at this moment, or the store gives no answer) is appended behind the raises of its user that were
   * already on their way; later ones wait until it has ended.
   *
   * @param inputs each a {@link RaiseInput}; any other value is rejected with its reasons
   * @param options.concurrency raises in flight, 1 to 1024; default 64
   * @param options.unanswered the result of an input that the store did not answer, made of its `unavailable` error; the
   * other inputs go on. Default: the iteration ends with the error
   */
  raiseAll<Unanswered = never>(
    inputs: AsyncIterable<unknown> | Iterable<unknown>,
    options?: Call & {
      readonly concurrency?: number;
      readonly unanswered?: (error: TocsinError) => Unanswered;
    },
  ): AsyncIterable<RaiseResult | Unanswered>;
  /**
   * The request and the evaluation that an input leads to, with warnings; nothing is written or sent.
   *
   * @throws TocsinError `no_evaluator` when evaluation is `later` and there is no `evaluateLater`
   * @throws unknown the error of `evaluateLater`
   */
  dryRun(
    input: Omit<RaiseInput, 'source'> & { readonly source?: string | undefined },
    options?: { readonly signal?: AbortSignal },
  ): Promise<Result<DryRun, Rejection>>;
  /**
   * Cancels triggers whose reason has gone: one by its id, or all of a type about a target. What is not delivered yet ends,
   * and a window that it holds is released as its policy says; what was sent stays sent. A repeat changes nothing.
   *
   * About a target it reads the triggers of the user, or of all users, that can still be delivered.
   * @param input.reason why, up to 512 characters; recorded in the log
   * @returns each trigger with what became of its notification; `not_found` for an id that names none of the user
   * @throws TocsinError `unavailable` when the store gives no answer; repeat the call
   */
  cancel(input: CancelInput, call?: Call): Promise<CancelResult>;
  /** A trigger by its `ast_` id (or its preview's `asp_` id); `undefined` when there is none. */
  trigger(id: string): Promise<TriggerView | undefined>;
  /** The policies that decide which notifications are published. */
  readonly policies: Policies;
  /** Previews: offer, read, confirm, dismiss. Every call checks the owner. */
  readonly previews: Previews;
  /** Users' channels. Every call rejects with `no_vault` when the kernel was opened without a vault. */
  readonly channels: Channels;
  /** Waits for calls in flight and refuses later calls. The store stays open. */
  close(): Promise<void>;
}

/** Opens a kernel on a log, and gives a new log its id. @throws TocsinError `unavailable`, or `usage` for a bad name */
export async function openKernel(options: KernelOptions): Promise<Kernel> {
  const context = contextOf(options);
  const control = await initialiseControl(context);
  const { storeId } = control;
  if (storeId === undefined) throw new TypeError('the control stream has no store id');
  await setDefinitionPolicies(context, context.definitions.values(), control);
  const policies = createPolicies(context, [...context.definitions.keys()]);
  const inFlight = new Set<Promise<unknown>>();
  let closed = false;

  const track = <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) return Promise.reject(closedError());
    const promise = work();
    inFlight.add(promise);
    const remove = (): void => void inFlight.delete(promise);
    promise.then(remove, remove);
    return promise;
  };
  const close = async (): Promise<void> => {
    closed = true;
    await Promise.allSettled(inFlight);
  };

  return {
    storeId,
    raise: (first: RaiseInput | TriggerDefinition, ...rest: readonly object[]) => {
      if (!isDefinition(first)) return track(() => raise(context, first, rest[0] ?? {}));
      const [input, call = {}] = rest;
      return track(() => raise(context, { ...input, triggerType: first.type }, call));
    },
    raiseAll: (inputs, { concurrency = DEFAULT_CONCURRENCY, unanswered, ...call } = {}) =>
      raiseAll(
        inputs,
        userKey,
        (input, turn) => {
          const raised = track(() => raise(context, input, call, turn));
          return unanswered === undefined ? raised : raised.catch(unansweredBy(unanswered));
        },
        checkedNumber('concurrency', concurrency, [1, 1024]),
      ),
    dryRun: (input, { signal = new AbortController().signal } = {}) =>
      track(() => dryRun(context, input, signal)),
    cancel: (input, call) => track(() => cancel(context, input, call)),
    trigger: (id) => track(() => findTrigger(context, id)),
    policies: {
      set: (change, call) => track(() => policies.set(change, call)),
      mute: (change, call) => track(() => policies.mute(change, call)),
      unmute: (change, call) => track(() => policies.unmute(change, call)),
      release: (released, call) => track(() => policies.release(released, call)),
      show: () => track(() => policies.show()),
      history: () => track(() => policies.history()),
    },
    previews: previewsOf(context, options.apply, track),
    channels: channelsOf({ ...context, texts: textsOf(options.texts) }, options, track),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isDefinition(value: RaiseInput | TriggerDefinition): value is TriggerDefinition {
  return 'bind' in value;
}

/** What an input gives that the store did not answer. Other errors are thrown on. */
function unansweredBy<T>(make: (error: TocsinError) => T): (error: unknown) => T {
  return (error) => {
    if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
    return make(error);
  };
}

/** The key of inputs that must keep their order: the user id, if there is one. */
function userKey(input: unknown): string {
  const isObject = typeof input === 'object' && input !== null && 'userId' in input;
  return isObject ? String(input.userId) : '';
}

async function findTrigger(context: RaiseContext, id: string): Promise<TriggerView | undefined> {
  const found = parseOccurrenceId(context.kernel, id);
  if (found === undefined) return undefined;
  const { state } = await triggerDecider.load(context.store, found.stream);
  const occurrence = occurrenceOf(state, found.occurrence);
  return occurrence && { ...occurrence, occurrence: found.occurrence };
}

function contextOf(options: KernelOptions): RaiseContext {
  const { texts, triggers, clock, name = DEFAULT_KERNEL_NAME, vault } = options;
  const { seal: sealing = true, evaluation = 'inline', recordDuplicates = false } = options;
  const { channel, channels = ADDRESS_CHANNELS, evaluate, evaluateLater } = options;
  const store = vault ? sealedStore(options.store, vault, { sealing }) : options.store;
  if (!/^[a-z0-9-]{1,32}$/.test(name)) {
    throw new TocsinError('usage', 'invalid_kernel_name', 'the kernel’s name is out of range', {
      hint: 'Use 1 to 32 characters of a-z 0-9 and -.',
    });
  }
  if (texts !== undefined) checkedTexts(texts, 'the texts of the kernel');
  return {
    store,
    kernel: name,
    runtime: systemRuntime(clock),
    definitions: new Map(triggers.map((definition) => [definition.type, definition])),
    evaluation,
    evaluate,
    evaluateLater,
    notifications: { texts, channel, channels: new Set(channels) },
    recordDuplicates,
    logger: options.logger ?? silentLogger,
    telemetry: options.telemetry ?? noTelemetry,
  };
}

function closedError(): TocsinError {
  return new TocsinError('usage', 'kernel_closed', 'the kernel is closed', {
    hint: 'Open a new one.',
  });
}
