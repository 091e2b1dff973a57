// Channels as the command line has them: which vault, under which key, and what sends.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SqliteVault } from '../../adapters/sqlite/vault/sqlite-vault.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { ChannelLookup, ChannelReport, Sender } from '../../domain/ports/sender.ts';
import { createChannels, type Channels } from '../../kernel/channels/channels.ts';
import { newSecret } from '../../kernel/channels/open.ts';
import { sealedStore } from '../../kernel/sealing/sealed-store.ts';
import type { Config } from '../config/config.ts';
import { CLI_ACTOR, kernelContext } from './kernel-context.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';

/** True when there is a vault, or somebody said that there is to be one. */
export function hasVault({ vault }: Config): boolean {
  return vault.wasGiven || existsSync(vault.file);
}

/**
 * Opens the vault, and makes it where there is none. A key file is made only where nobody named one.
 *
 * @throws TocsinError `usage` and `refused` when keys or vault cannot be used
 */
export async function openVault({ vault }: Config): Promise<SqliteVault> {
  const { createVaultKeyFile, parseVaultKeys, readVaultKeys } =
    await import('../../adapters/sqlite/vault/keys.ts');
  const { sqliteVault } = await import('../../adapters/sqlite/vault/sqlite-vault.ts');
  const { file, keys } = vault;
  if ('text' in keys) return sqliteVault({ file, keys: parseVaultKeys(keys.text) });
  if (keys.isDefault && !existsSync(file)) {
    mkdirSync(dirname(keys.file), { recursive: true });
    createVaultKeyFile(keys.file);
  }
  return sqliteVault({ file, keys: readVaultKeys(keys.file) });
}

/** What sends, under the configured rules. */
export async function openSender(config: Config, logger?: Logger): Promise<Sender> {
  const { channelSender } = await import('../../adapters/senders/sender.ts');
  return channelSender({
    addresses: config.addresses,
    ...(logger === undefined ? {} : { logger }),
  });
}

/** Users' channels for one process. */
export function channelsOn(
  config: Config,
  store: EventStore,
  vault: SqliteVault,
  send: Sender,
  actor: string = CLI_ACTOR,
): Channels {
  return createChannels({
    texts: scheduleProduct.texts,
    ...kernelContext(store, config.name),
    actor,
    vault,
    send,
    addresses: config.addresses,
    newSecret,
  });
}

/**
 * The store with what is sealed readable, and where somebody named a vault, with what is personal sealed. A
 * vault that is only there for a first start's examples seals nothing.
 */
export async function openSealing(
  config: Config,
  store: EventStore,
): Promise<AsyncDisposable & { readonly store: EventStore }> {
  const vault = hasVault(config) ? await openVault(config) : undefined;
  return {
    store: vault ? sealedStore(store, vault, { sealing: config.vault.wasGiven }) : store,
    [Symbol.asyncDispose]: () => {
      vault?.[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** What delivery asks about channels; without a vault nobody has one, and every record says so. */
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
  const { lookup, report } = channelsOn(config, store, vault, send, 'worker');
  return { lookup, send, report };
}
