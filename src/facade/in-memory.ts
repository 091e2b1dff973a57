// Everything in memory, for an application's tests: time moves only when the test moves it, and nothing runs in the
// background.
import { randomUUID } from 'node:crypto';
import { memoryReadModel } from '../adapters/memory/read-model.ts';
import { recordingOutput } from '../adapters/memory/recording-output.ts';
import { memoryStore } from '../adapters/eventstore/memory/store.ts';
import type { Instant } from '../domain/core/instants.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Runtime } from '../domain/ports/runtime.ts';
import type { OutgoingMessage, SendOutcome } from '../domain/ports/sender.ts';
import { openKernel, type Kernel, type KernelOptions } from '../kernel/open-kernel.ts';
import { openProjector } from '../kernel/open-projector.ts';
import { channelLimiter } from '../kernel/processes/delivery/channel-limiter.ts';
import { noTelemetry } from '../domain/ports/telemetry.ts';
import { deliveryDecider } from '../kernel/processes/delivery/delivery-decider.ts';
import { handleDue, type AttemptContext } from '../kernel/processes/delivery/handle-due.ts';
import { intakeMessage } from '../kernel/processes/delivery/intake.ts';
import { channelFinder, defineChannel } from '../kernel/processes/delivery/open-channel.ts';
import { deliveryContext, type DeliveryOptions } from '../kernel/processes/delivery/processes.ts';
import { wordingOf } from '../kernel/processes/delivery/wording.ts';
import { fixedClock, type FixedClock } from '../kernel/testing/fixed-clock.ts';
import { memoryRequestQueue } from '../adapters/memory/request-queue.ts';

/** A message that a channel has got. */
export type SentMessage = { readonly channel: string; readonly message: OutgoingMessage };

/** Options of {@link inMemoryTocsin}. */
export type InMemoryOptions = Omit<KernelOptions, 'store' | 'clock' | 'texts' | 'vault' | 'send'> &
  Pick<DeliveryOptions, 'texts' | 'frontendUrl' | 'profile' | 'onUnknown'> & {
    /** When the clock starts: RFC 3339 text or milliseconds since the epoch. Default 2026-01-01T00:00:00Z. */
    readonly now?: string | Instant;
    /** What a channel answers; nothing means accepted. Default: all is accepted. */
    readonly answer?: (
      sent: SentMessage,
    ) => SendOutcome | undefined | Promise<SendOutcome | undefined>;
    /** False for a user without that channel. Default: every user has every channel. */
    readonly lookup?: (userId: string, channel: string) => boolean;
  };

/** Everything in memory: the kernel, with a clock that the test moves. */
export interface InMemoryTocsin extends Kernel {
  readonly clock: FixedClock;
  readonly store: EventStore;
  /** What the channels have got, in order. */
  readonly sent: readonly SentMessage[];
  /** Decides and delivers all that is due at the clock's time. */
  settle(): Promise<void>;
  /** Moves the clock, then {@link settle}. */
  advance(ms: number): Promise<void>;
}

/**
 * Opens everything in memory: log, projection and delivery, without files, servers or waiting.
 *
 * @example
 * await using tocsin = await inMemoryTocsin({ triggers: [invoiceOverdue] });
 * await tocsin.raise(invoiceOverdue, { userId: 'ada', targetId: 'INV-1', payload: { amount: 12 } });
 * await tocsin.settle();
 * assert.equal(tocsin.sent[0]?.message.summary, '12 EUR are overdue.');
 * @throws TocsinError `usage` for options that are out of range
 */
export async function inMemoryTocsin(options: InMemoryOptions): Promise<InMemoryTocsin> {
  const { triggers, texts, frontendUrl, name = 'tocsin', channel } = options;
  const clock = fixedClock(options.now);
  const store = memoryStore();
  const names = new Set([
    ...triggers.flatMap((definition) => definition.channel ?? []),
    ...(channel === undefined ? [] : [channel]),
    ...(options.channels ?? ['feishu', 'webhook']),
  ]);
  const kernel = await openKernel({
    ...options,
    store,
    clock,
    texts: typeof texts === 'object' ? texts : {},
    channels: [...names],
  });
  const output = recordingOutput();
  const state = memoryReadModel();
  const sent: SentMessage[] = [];
  const runtime = stillRuntime(clock);
  const records = { ...deliveryContext({ ...options, store, runtime }), runtime };
  const context: AttemptContext = {
    kernel: name,
    records,
    runtime,
    findChannel: channelFinder({ channels: recordingChannels(names, sent, options) }),
    limiter: channelLimiter({ slots: 64 }),
    lookups: channelLimiter({ slots: 64 }),
    wordingOf: wordingOf({ texts, triggers, frontendUrl }),
    leaseMs: 20_000,
    enabled: true,
    telemetry: noTelemetry,
  };
  const deliveries = new Set<string>();
  let handled = 0;
  const settle = async (): Promise<void> => {
    await openProjector({ store, output, state, clock, name }).once();
    const messages = output.messages.slice(handled);
    handled += messages.length;
    const intake = { ...records, kernel: name, requests: memoryRequestQueue({ source: output }) };
    for (const message of messages) {
      if (message.headers.get('ce-type')?.startsWith('notification.') !== true) continue;
      await intakeMessage(intake, message);
    }
    for await (const page of store.readAll({
      direction: 'forwards',
      prefixes: [`${name}.notification-`],
    })) {
      for (const { stream } of page) deliveries.add(stream);
    }
    for (const stream of deliveries) await handleUntilWaiting(context, stream, clock.now());
  };
  return {
    ...kernel,
    clock,
    store,
    sent,
    settle,
    async advance(ms) {
      clock.advance(ms);
      await settle();
    },
  };
}

/** A delivery can be due again at once, such as the first retry of a profile. */
async function handleUntilWaiting(
  context: AttemptContext,
  stream: string,
  now: Instant,
): Promise<void> {
  for (;;) {
    const { state: before } = await deliveryDecider.load(context.records.store, stream);
    const isDue = before !== undefined && 'dueAt' in before.phase && before.phase.dueAt <= now;
    if (!isDue) return;
    await handleDue(context, stream, new AbortController().signal);
  }
}

function recordingChannels(
  names: ReadonlySet<string>,
  sent: SentMessage[],
  { answer, lookup = () => true }: Pick<InMemoryOptions, 'answer' | 'lookup'>,
) {
  const channels = Array.from(names, (channel) => {
    const own = defineChannel({
      lookup: (userId) => (lookup(userId, channel) ? userId : undefined),
      send: async (message) => {
        const one = { channel, message };
        sent.push(one);
        return answer?.(one);
      },
    });
    return [channel, own] as const;
  });
  return Object.fromEntries(channels);
}

/** A pause ends only by its signal, and at once where nothing could end it. */
function stillRuntime({ now }: FixedClock): Runtime {
  const start = now();
  return {
    now,
    elapsed: () => now() - start,
    random: () => 0.5,
    newId: randomUUID,
    pause: (_ms, signal) =>
      new Promise((resolve) => {
        if (signal === undefined || signal.aborted) resolve();
        else
          signal.addEventListener(
            'abort',
            () => {
              resolve();
            },
            { once: true },
          );
      }),
  };
}
