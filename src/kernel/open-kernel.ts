// The domain core, embedded: commands in, events out, through ports.
import { TocsinError } from '../domain/core/errors.ts';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId } from '../domain/core/ids.ts';
import type { Result } from '../domain/core/result.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { ApplyPreview } from '../domain/ports/apply-preview.ts';
import type { Evaluation } from '../domain/trigger/evaluation.ts';
import type { Evaluator, LaterEvaluator } from '../domain/ports/evaluator.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Texts } from '../domain/notification/texts.ts';
import type { RaiseInput, RaiseRequest, Rejection } from '../domain/trigger/commands.ts';
import type { TriggerDefinition } from '../domain/trigger/definitions.ts';
import { occurrenceOf, type Occurrence } from '../domain/trigger/state.ts';
import type { AddressRules } from '../domain/channel/address.ts';
import type { SecretVault } from '../domain/ports/secret-vault.ts';
import type { Sender } from '../domain/ports/sender.ts';
import { sealedStore } from './sealing/sealed-store.ts';
import { channelsOf } from './channels/open.ts';
import type { Channels } from './channels/channels.ts';
import { initialiseControl } from './control/control.ts';
import { alwaysNotify } from './raise/evaluators.ts';
import { createPolicies, type Policies } from './control/policies.ts';
import { previewsOf, type Previews } from './previews/previews.ts';
import { systemRuntime } from './decider/runtime.ts';
import { DEFAULT_CONCURRENCY, raiseAll } from './raise/raise-all.ts';
import type { Call } from './decider/decider.ts';
import { dryRun, raise, triggerDecider, type RaiseContext } from './raise/raise.ts';
import type { RaiseResult } from './raise/raise-result.ts';

/** What a kernel is opened with. */
export type KernelOptions = {
  /** The log. The caller closes it, after the kernel. */
  readonly store: EventStore;
  /** The trigger types that can be raised; of two with one name the last counts. */
  readonly triggers: readonly TriggerDefinition[];
  /** The sentences of notifications and of test messages. */
  readonly texts: Texts;
  /** Decides inline what a trigger leads to. Default: always notify. */
  readonly evaluate?: Evaluator;
  /**
   * When triggers are evaluated. `inline`, the default: within the raise, by `evaluate`. `later`: a raise
   * appends `TriggerRaised` alone, and a worker's `evaluationProcess` does the rest.
   */
  readonly evaluation?: 'inline' | 'later';
  /** Whom a dry run asks when evaluation is `later`. */
  readonly evaluateLater?: LaterEvaluator;
  /**
   * Writes what somebody confirmed into the host's timetable. Absent, a confirmed preview ends as applied
   * and nothing more is said about it.
   */
  readonly apply?: ApplyPreview;
  /** Where secrets of channels are kept; without it there are no channels. The caller closes it. */
  readonly vault?: SecretVault;
  /**
   * Seals what is personal in events under a key per user, in the vault. Default: true with a vault. What is
   * sealed already can be read either way.
   */
  readonly seal?: boolean;
  /** Sends test messages to channels. */
  readonly send?: Sender;
  /** Which addresses channels may have. Default: public ones, by https on port 443. */
  readonly addresses?: AddressRules;
  /** Where "now" comes from. Default: the system's clock. */
  readonly clock?: Clock;
  /** First part of every stream name, `[a-z0-9-]{1,32}`. Default `tocsin`. */
  readonly name?: string;
  /** Append `DuplicateRaised` for each duplicate. Default: duplicates write nothing. */
  readonly recordDuplicates?: boolean;
};

/** One trigger as the log has it. */
export type TriggerView = Occurrence & { readonly occurrence: number };

export interface Kernel extends AsyncDisposable {
  /** The log's own id, made when it was first opened. */
  readonly storeId: string;
  /**
   * Raises a trigger, once per scope while it is active and once per idempotency key for ever.
   * @throws TocsinError for outages (`unavailable`) and for an evaluator that throws (`usage`)
   */
  raise(input: RaiseInput, call?: Call): Promise<RaiseResult>;
  /**
   * Raises many, several at once; those of one user in their order. Results come in the input's order.
   * @param inputs each a {@link RaiseInput}; as they come from outside as a rule, anything may come,
   *   and what is not one is rejected with its reasons
   * @param options.concurrency raises in flight, 1 to 1024; default 64
   */
  raiseAll(
    inputs: AsyncIterable<unknown> | Iterable<unknown>,
    options?: Call & { readonly concurrency?: number },
  ): AsyncIterable<RaiseResult>;
  /**
   * What an input would lead to; nothing is written, no message is sent.
   *
   * @throws TocsinError `no_evaluator` when evaluation is `later` and nobody can be asked; what the
   *   evaluator throws is thrown on
   */
  dryRun(
    input: Omit<RaiseInput, 'source'> & { readonly source?: string },
    options?: { readonly signal?: AbortSignal },
  ): Promise<
    Result<{ readonly request: RaiseRequest; readonly evaluation: Evaluation }, Rejection>
  >;
  /** A trigger by its `ast_` id (or its preview's `asp_` id); `undefined` when there is none. */
  trigger(id: string): Promise<TriggerView | undefined>;
  /** What decides whether a notification is let through. */
  readonly policies: Policies;
  /** What was offered: to read, to confirm, to dismiss. Every call checks whose it is. */
  readonly previews: Previews;
  /** Users' channels. Every call rejects with `no_vault` when the kernel was opened without one. */
  readonly channels: Channels;
  /** Waits for raises in flight; later ones are refused. The store stays open. */
  close(): Promise<void>;
}

/**
 * Opens a kernel on a log, and gives a new log its id.
 *
 * @throws TocsinError `unavailable` when the store cannot be reached, `usage` for a bad name
 */
export async function openKernel(options: KernelOptions): Promise<Kernel> {
  const context = contextOf(options);
  const { storeId } = await initialiseControl(context);
  if (storeId === undefined) throw new TypeError('an initialised log has an id');
  const policies = createPolicies(context);
  const inFlight = new Set<Promise<unknown>>();
  let closed = false;

  const track = <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) return Promise.reject(closedError());
    const promise = work();
    inFlight.add(promise);
    const settle = (): void => void inFlight.delete(promise);
    promise.then(settle, settle);
    return promise;
  };
  const close = async (): Promise<void> => {
    closed = true;
    await Promise.allSettled(inFlight);
  };

  return {
    storeId,
    raise: (input, call = {}) => track(() => raise(context, input, call)),
    raiseAll: (inputs, { concurrency = DEFAULT_CONCURRENCY, ...call } = {}) =>
      raiseAll(
        inputs,
        userKey,
        (input) => track(() => raise(context, input, call)),
        Math.min(1024, Math.max(1, Math.trunc(concurrency))),
      ),
    dryRun: (input, { signal = new AbortController().signal } = {}) =>
      track(() => dryRun(context, input, signal)),
    trigger: (id) => track(() => findTrigger(context, id)),
    policies: {
      set: (change, call) => track(() => policies.set(change, call)),
      mute: (change, call) => track(() => policies.mute(change, call)),
      unmute: (change, call) => track(() => policies.unmute(change, call)),
      show: () => track(() => policies.show()),
      history: () => track(() => policies.history()),
    },
    previews: previewsOf(context, options.apply, track),
    channels: channelsOf(context, options, track),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Which inputs must keep their order: those of one user, as far as that can be seen. */
function userKey(input: unknown): string {
  const isObject = typeof input === 'object' && input !== null && 'userId' in input;
  return isObject ? String(input.userId) : '';
}

async function findTrigger(context: RaiseContext, id: string): Promise<TriggerView | undefined> {
  const place = parseOccurrenceId(context.kernel, id);
  if (place === undefined) return undefined;
  const { state } = await triggerDecider.load(context.store, place.stream);
  const occurrence = occurrenceOf(state, place.occurrence);
  return occurrence && { ...occurrence, occurrence: place.occurrence };
}

function contextOf(options: KernelOptions): RaiseContext {
  const {
    texts,
    triggers,
    clock,
    name = DEFAULT_KERNEL_NAME,
    vault,
    seal: sealing = true,
  } = options;
  const store = vault ? sealedStore(options.store, vault, { sealing }) : options.store;
  if (!/^[a-z0-9-]{1,32}$/.test(name)) {
    throw new TocsinError('usage', 'invalid_kernel_name', 'the kernel’s name is out of range', {
      hint: 'Use 1 to 32 characters of a-z 0-9 and -.',
    });
  }
  return {
    store,
    kernel: name,
    runtime: systemRuntime(clock),
    definitions: new Map(triggers.map((definition) => [definition.type, definition])),
    evaluate:
      options.evaluation === 'later' ? undefined : (options.evaluate ?? alwaysNotify(texts)),
    evaluateLater: options.evaluateLater,
    texts,
    recordDuplicates: options.recordDuplicates ?? false,
  };
}

function closedError(): TocsinError {
  return new TocsinError('usage', 'kernel_closed', 'the kernel is closed', {
    hint: 'Open a new one.',
  });
}
