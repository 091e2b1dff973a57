// The parts of `openTocsin`: kernel, projection and delivery on files of one folder.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '../domain/ports/logger.ts';
import { noTelemetry } from '../domain/ports/telemetry.ts';
import { observedStore } from '../adapters/telemetry/observed-store.ts';
import type { ChannelReport } from '../domain/ports/sender.ts';
import { createAudit } from '../kernel/create-audit.ts';
import { createTokens } from '../kernel/access/tokens.ts';
import { createDeliveries } from '../kernel/deliveries.ts';
import { openKernel, type Kernel } from '../kernel/open-kernel.ts';
import { openProjector } from '../kernel/open-projector.ts';
import { openWorker } from '../kernel/open-worker.ts';
import { systemRuntime } from '../kernel/decider/runtime.ts';
import { EXPIRY_INDEX, expiryProcess } from '../kernel/processes/expiry.ts';
import { defineChannel } from '../kernel/processes/delivery/open-channel.ts';
import { deliveryProcesses, type DeliveryOptions } from '../kernel/processes/delivery/processes.ts';
import type { LetThrough } from '../projections/audit/reading/ports.ts';
import { sealedStore } from '../kernel/sealing/sealed-store.ts';
import { apiOf } from './api.ts';
import { loadFiles } from './load-files.ts';
import type { Channels, Tocsin, TocsinOptions } from './options.ts';

/** Opens the parts; see `openTocsin`. */
export async function openParts<Addresses>(options: TocsinOptions<Addresses>): Promise<Tocsin> {
  const { folder, texts, vault, send, frontendUrl, logger = silentLogger, clock } = options;
  const { name, telemetry = noTelemetry } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = channelsOf(options.channels);
  const open = new AsyncDisposableStack();
  try {
    const files = await loadFiles();
    const file = (name: string): string => join(folder, name);
    const unobserved =
      options.store ??
      open.use(await files.embeddedStore({ file: file('events.db'), holder: 'openTocsin' }));
    const log = observedStore(unobserved, telemetry);
    const names = { channels: [...(vault ? ['feishu', 'webhook'] : []), ...Object.keys(own)] };
    const kernel = open.use(
      await openKernel({
        ...options,
        ...names,
        logger,
        store: log,
        texts: typeof texts === 'object' ? texts : {},
      }),
    );
    const { storeId } = kernel;
    const openState = () => open.use(files.sqliteReadModel({ file: file('state.db') }));
    let letThrough: LetThrough | undefined;
    const state = options.state ?? (letThrough = openState());
    const indexes = open.use(files.sqliteDueIndexes({ file: file('due.db'), storeId }));
    const list = open.use(files.sqliteDeliveryIndex({ file: file('deliveries.db'), storeId }));
    const messages = { file: file('messages.db') };
    const output = options.output ?? files.sqliteOutput(messages);
    const requests = options.requests ?? files.sqliteInbox({ ...messages, logger });
    // A file is written by its owner only, so its messages need no signature.
    const messageKeys =
      options.output && files.readMessageKeys(file('message.key'), { create: true });
    const projector = openProjector({ ...options, store: log, output, state, messageKeys, logger });
    const store = vault ? sealedStore(log, vault, { sealing: options.seal ?? true }) : log;
    const runtime = systemRuntime(clock);
    const addressed =
      vault && send ? { lookup: kernel.channels.lookup, send, report: reportTo(kernel) } : {};
    const delivery = { ...options, ...addressed, texts: texts ?? {}, triggers: options.triggers };
    const processes = [
      ...deliveryProcesses({
        ...delivery,
        store,
        requests,
        letThrough,
        messageKeys,
        indexes,
        list,
        frontendUrl,
        channels: own,
        runtime,
        logger,
      }),
      expiryProcess({ ...options, store, index: indexes.open(EXPIRY_INDEX), runtime, logger }),
    ];
    const deliveries = createDeliveries({ store, index: () => list, ...(clock ? { clock } : {}) });
    const tokens = createTokens({ store, ...(name === undefined ? {} : { name }) });
    const fetch = apiOf({ ...options.api, kernel, deliveries, tokens, logger, telemetry, vault });
    const held = open.move();
    const closing = new AbortController();
    let running: Promise<void> = Promise.resolve();
    const close = async (): Promise<void> => {
      closing.abort();
      // Its caller gets the error of a run.
      await running.catch(() => undefined);
      await held.disposeAsync();
    };
    return {
      ...kernel,
      run(signal) {
        const until = AbortSignal.any([signal, closing.signal]);
        running = runTogether(until, [projector, openWorker({ processes, logger })]);
        return running;
      },
      deliveries,
      tokens,
      fetch,
      status: () => projector.status(),
      audit() {
        const view = files.openReadModelReader(file('state.db'), { snapshot: true });
        const reader = files.sqliteMessageReader(messages);
        const parts = { log, scratch: files.temporaryReadModel, state: view, messages: reader };
        const audit = createAudit({ ...parts, ...(name === undefined ? {} : { name }) });
        const dispose = (): Promise<void> => {
          reader[Symbol.dispose]();
          view[Symbol.dispose]();
          return Promise.resolve();
        };
        return { ...audit, [Symbol.asyncDispose]: dispose };
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await open.disposeAsync();
    throw error;
  }
}

function channelsOf<Addresses>(
  channels: Channels<Addresses> | undefined,
): NonNullable<DeliveryOptions['channels']> {
  const own: Record<string, ReturnType<typeof defineChannel>> = {};
  if (channels === undefined) return own;
  for (const name in channels) own[name] = defineChannel(channels[name]);
  return own;
}

function reportTo(kernel: Kernel): ChannelReport {
  return (report) => kernel.channels.report(report);
}

/** Runs the parts until the signal; when one fails, both stop, and its error is thrown. */
async function runTogether(
  signal: AbortSignal,
  parts: readonly { run(signal: AbortSignal): Promise<void> }[],
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const running = parts.map(async (part) => {
    try {
      await part.run(both);
    } finally {
      stop.abort();
    }
  });
  await Promise.allSettled(running);
  await Promise.all(running);
}
