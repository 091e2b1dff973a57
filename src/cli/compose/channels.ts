// Channels as the command line runs them: the vault, its keys and the sender.
import { existsSync } from 'node:fs';
import type { SqliteVault } from '../../adapters/sqlite/vault/sqlite-vault.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../domain/ports/telemetry.ts';
import type { ChannelLookup, ChannelReport, Sender } from '../../domain/ports/sender.ts';
import { createChannels, type Channels } from '../../kernel/channels/channels.ts';
import { newSecret } from '../../kernel/channels/open.ts';
import { sealedStore } from '../../kernel/sealing/sealed-store.ts';
import type { Config } from '../config/config.ts';
import { CLI_ACTOR, kernelContext } from './kernel-context.ts';
import { openKernel, type Kernel } from '../../kernel/open-kernel.ts';
import type { LaterEvaluator } from '../../domain/ports/evaluator.ts';
import { loadProduct, type Product } from '../config/product.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import { textsOf } from '../../domain/notification/texts.ts';
import { openStore } from './compose.ts';

/** True when the vault's file exists or the configuration names a vault. */
export function hasVault({ vault }: Config): boolean {
  return vault.wasGiven || existsSync(vault.file);
}

/** Opens the vault, or creates it; creates a key file only at the default path. */
export async function openVault({ vault }: Config): Promise<SqliteVault> {
  const { parseVaultKeys } = await import('../../adapters/sqlite/vault/keys.ts');
  const { createKeyFile } = await import('../../adapters/keys/key-file.ts');
  const { keyFileVault } = await import('./key-file-vault.ts');
  const { sqliteVault } = await import('../../adapters/sqlite/vault/sqlite-vault.ts');
  const { file, keys } = vault;
  if ('text' in keys) return sqliteVault({ file, keys: parseVaultKeys(keys.text) });
  if (keys.isDefault && !existsSync(file)) createKeyFile(keys.file);
  return keyFileVault(file, keys.file);
}

export async function openSender(config: Config, logger?: Logger): Promise<Sender> {
  const { channelSender } = await import('../../adapters/senders/sender.ts');
  const { addresses } = config;
  return channelSender({ addresses, ...(logger === undefined ? {} : { logger }) });
}

/** Users' channels for one process. */
export async function channelsOn(
  config: Config,
  store: EventStore,
  vault: SqliteVault,
  send: Sender,
  actor: string = CLI_ACTOR,
): Promise<Channels> {
  const { texts } = await loadProduct();
  return createChannels({
    texts: textsOf(typeof texts === 'function' ? {} : texts),
    ...kernelContext(store, config.name),
    actor,
    vault,
    send,
    addresses: config.addresses,
    newSecret,
  });
}

/**
 * Opens the event store as its owner, so that it decrypts sealed data, and seals personal data if the
 * configuration names a vault. A vault that exists only for the examples of the first start seals nothing.
 */
export async function openSealedStore(
  config: Config,
  holder: string,
  logger?: Logger,
): Promise<EventStore> {
  const store = await openStore(config, holder, logger);
  if (!hasVault(config)) return store;
  await using opened = new AsyncDisposableStack();
  opened.use(store);
  const sealed = sealedStore(store, opened.use(await openVault(config)), {
    sealing: config.vault.wasGiven,
  });
  const held = opened.move();
  return { ...sealed, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Opens a kernel for the trigger types of the product. */
export async function openProductKernel(
  { name, evaluation, channel: wanted }: Config,
  store: EventStore,
  parts: {
    readonly logger: Logger;
    readonly telemetry?: Telemetry;
    readonly evaluateLater?: LaterEvaluator | undefined;
  },
): Promise<Kernel> {
  const { logger, telemetry = noTelemetry, evaluateLater } = parts;
  const later = evaluateLater === undefined ? {} : { evaluateLater };
  const options = kernelOptionsOf(await loadProduct(), wanted);
  return openKernel({ ...options, store, name, evaluation, logger, telemetry, ...later });
}

/** The options of a kernel for a product. `wanted`: the setting `channel`. */
export function kernelOptionsOf(
  { triggers, texts, channel, channels = {}, evaluate }: Product,
  wanted: string | undefined,
) {
  const byDefault = wanted ?? channel;
  return {
    triggers,
    texts: typeof texts === 'function' ? {} : (texts ?? {}),
    channels: [...ADDRESS_CHANNELS, ...Object.keys(channels)],
    ...(byDefault === undefined ? {} : { channel: byDefault }),
    ...(evaluate === undefined ? {} : { evaluate }),
  };
}

/** The channels for delivery. Without a vault each delivery is skipped with the reason `no_channel`. */
export async function deliveryChannels(
  config: Config,
  store: EventStore,
  logger: Logger,
  opened: DisposableStack,
): Promise<{
  readonly lookup: ChannelLookup;
  readonly send: Sender;
  readonly report?: ChannelReport;
}> {
  const send = await openSender(config, logger);
  if (!hasVault(config)) {
    return { send, lookup: () => Promise.resolve({ kind: 'closed', reason: 'no_channel' }) };
  }
  const vault = opened.use(await openVault(config));
  const { lookup, report } = await channelsOn(config, store, vault, send, 'worker');
  return { lookup, send, report };
}
