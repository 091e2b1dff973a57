// Whether the parts of a deployment fit together after a restore, and what to do where they do not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { indexEnds } from '../../adapters/sqlite/index-file.ts';
import { vaultRecords } from '../../adapters/sqlite/vault/records.ts';
import { parseVaultKeys, readVaultKeys } from '../../adapters/sqlite/vault/keys.ts';
import { channelCodec } from '../../domain/channel/events.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import { secretsPrefix } from '../../kernel/channels/secrets.ts';
import { readControl } from '../../kernel/control/control.ts';
import { lastSeen } from '../../projections/last-seen.ts';
import {
  hasEmbeddedFile,
  isEventStoreDb,
  openMessageReader,
  openReader,
  type LogReader,
} from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { existingFiles } from './backup-parts.ts';
import { checked, failed, ok, type Check } from './doctor-check.ts';
import { checkTogether } from './doctor-log.ts';

/** The parts that `config` names, each compared with the log. A warning goes on by itself; a failed check needs a decision. */
export async function fitOf(config: Config): Promise<readonly Check[]> {
  const { store } = config;
  if (!isEventStoreDb(store) && !hasEmbeddedFile(store)) {
    return [
      failed(
        'log',
        new TocsinError('refused', 'log_missing', `${store} does not exist`, {
          hint: 'Restore the log: nothing can be made without it.',
        }),
      ),
    ];
  }
  const stream = await checkStream(config);
  const together = await checkTogether(config, stream.status !== 'failed');
  if (together.some(({ code }) => /^(store_|access_)/.test(code ?? ''))) return together;
  await using log = await openReader(config);
  return [...together, stream, ...(await checkIndexes(config, log)), await checkVault(config, log)];
}

/** The stream against the state file: which messages are sent again without a decision. */
function checkStream(config: Config): Promise<Check> {
  return checked('stream', async () => {
    await using messages = await openMessageReader(config);
    const info = await messages.info();
    if (info === undefined) return ok('stream', `${config.stream} does not exist`);
    const end = info.lastSequence;
    if (!existsSync(config.state)) return ok('stream', `${config.stream} ends at ${end}`);
    using state = openReadModelReader(config.state);
    const sequence = state.checkpoint()?.sequence ?? 0n;
    if (sequence <= end) {
      const detail = `ends at ${end}; the state file is at ${sequence > 0n ? sequence : 0n}, and nothing is sent again`;
      return ok('stream', detail);
    }
    const lost = sequence - end;
    return {
      name: 'stream',
      status: 'warning',
      detail: `ends at ${end}, ${lost} messages before the state file`,
      hint:
        'The projector sends them again with the same ids, up to 10,000 of the last 24 hours. Beyond that it refuses ' +
        '(output_behind): then use `tocsin project --adopt-tail`.',
    };
  });
}

/** The worker's indexes are made from the log: a wrong one is deleted. */
async function checkIndexes(config: Config, log: LogReader): Promise<readonly Check[]> {
  const { storeId } = await readControl(log, config.name);
  const files = existingFiles(config).filter(({ part }) => part === 'worker');
  return Promise.all(
    files.map(({ path, live }) =>
      checked(path, async () => {
        const { storeId: own, ends } = indexEnds(live);
        const hint = `Delete ${live} and the files beside it that end in -wal and -shm: it is built again from the log.`;
        if (own !== undefined && own !== storeId) {
          throw new TocsinError('refused', 'index_of_other_log', 'belongs to another log', {
            hint,
          });
        }
        for (const { name, position, last } of ends) {
          // The last event of an index is also the last one of its category.
          const prefixes = [last.stream.slice(0, last.stream.indexOf('-') + 1)];
          if ((await lastSeen(log, { last, position, prefixes })) !== undefined) continue;
          const message = `${name} has read event ${last.revision} of ${last.stream}, and the log does not have it`;
          throw new TocsinError('refused', 'log_shorter', message, { hint });
        }
        return ok(path, 'fits the log');
      }),
    ),
  );
}

/** The vault must have the secrets of each channel that the log has, and a key for them. */
function checkVault(config: Config, log: LogReader): Promise<Check> {
  return checked('vault', async () => {
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
  });
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
    hint: 'Give the keys of the time of the backup: a backup does not hold them. Old keys follow the current one.',
  });
}

/** Where the parts would be if the files of a backup were in force: for a check before anything is written. */
export function inBackup(config: Config, folder: string, parts: ReadonlySet<string>): Config {
  const { vault } = config;
  return {
    ...config,
    store: parts.has('log') ? `embedded:${join(folder, 'store.db')}` : config.store,
    state: parts.has('state') ? join(folder, 'state.db') : config.state,
    worker: parts.has('worker') ? join(folder, 'worker') : config.worker,
    vault: parts.has('vault') ? { ...vault, file: join(folder, 'vault.db') } : vault,
  };
}
