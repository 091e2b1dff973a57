// The check that the vault has the secrets that the log names, and that the keys fit. `restore` compares in the same way.
import { existsSync } from 'node:fs';
import { parseVaultKeys, readVaultKeys } from '../../adapters/sqlite/vault/keys.ts';
import { vaultRecords } from '../../adapters/sqlite/vault/records.ts';
import { channelCodec } from '../../domain/channel/events.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { secretsPrefix } from '../../kernel/channels/secrets.ts';
import type { LogReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { ok, type Check } from './doctor-check.ts';

/** The vault must have the secrets of each channel that the log has, and a key for them. */
export async function compareVault(config: Config, log: LogReader): Promise<Check> {
  const { file } = config.vault;
  const named = await secretNames(log, config.name);
  if (named.size === 0 && !existsSync(file)) return ok('vault', 'none, and the log needs none');
  const records = existsSync(file) ? vaultRecords(file) : new Map<string, string>();
  const missing = [...named].filter((name) => !records.has(name));
  if (missing.length > 0) {
    const message = `${file} lacks the secrets of ${missing.length} of ${named.size} channels that the log names`;
    throw new TocsinError('refused', 'secrets_missing', message, {
      hint:
        'Restore the newer vault. If it is lost, configure these channels again: deliveries to them wait until then, ' +
        'or until they expire.',
    });
  }
  assertKeys(config, records);
  return ok('vault', `holds the secrets of ${named.size} channels`);
}

/** The names of the secrets of all configured channels. */
async function secretNames(log: LogReader, kernel: string): Promise<ReadonlySet<string>> {
  const named = new Map<string, string>();
  const prefixes = [categoryPrefix(kernel, 'channel')];
  for await (const page of log.readAll({ direction: 'forwards', prefixes })) {
    for (const recorded of page) {
      const decoded = channelCodec.decode(recorded);
      if (decoded.kind !== 'event') continue;
      const { type, data } = decoded.event;
      if (type === 'ChannelConfigured') {
        named.set(recorded.stream, `${secretsPrefix(data.userId)}${data.ref}`);
      }
      if (type === 'ChannelRemoved') named.delete(recorded.stream);
    }
  }
  return new Set(named.values());
}

/** @throws TocsinError `vault_key_wrong` where a record was encrypted with a key that the configuration does not have */
function assertKeys({ vault }: Config, records: ReadonlyMap<string, string>): void {
  if (records.size === 0) return;
  const { keys } = vault;
  const known = 'text' in keys ? parseVaultKeys(keys.text) : readVaultKeys(keys.file);
  const ids = new Set(known.map(({ id }) => id));
  const locked = [...records.values()].filter((id) => !ids.has(id)).length;
  if (locked === 0) return;
  const message = `${locked} records of ${vault.file} were encrypted with a key that is not given`;
  throw new TocsinError('refused', 'vault_key_wrong', message, {
    hint: 'Give the key that encrypted them: a backup does not hold keys. Old keys follow the current one.',
  });
}
