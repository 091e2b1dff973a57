// Checks whether the parts of a deployment fit together after a restore, and says what to do if they do not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openNotaryRecord } from '../../adapters/sqlite/notary-state.ts';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import { indexEnds } from '../../adapters/sqlite/index-file.ts';
import { TocsinError } from '../../domain/core/errors.ts';
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
import { compareVault } from './doctor-vault.ts';

/** The parts that `config` names, each compared with the log. A warning goes on by itself; a failed check needs a decision. */
export async function fitOf(config: Config): Promise<readonly Check[]> {
  const { store } = config;
  if (!isEventStoreDb(store) && !hasEmbeddedFile(store)) {
    return [
      failed(
        'log',
        new TocsinError('refused', 'log_missing', `${store} does not exist`, {
          hint: 'Restore the log: all other parts are made from it.',
        }),
      ),
    ];
  }
  const stream = await checkStream(config);
  const together = await checkTogether(config, stream.status !== 'failed', checked);
  if (together.some(({ code }) => /^(store_|access_)/.test(code ?? ''))) return together;
  await using log = await openReader(config);
  return [
    ...together,
    stream,
    ...(await checkIndexes(config, log)),
    await checked('vault', () => compareVault(config, log)),
    await checkSigned(config, log),
  ];
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

/** The log must have the events of which a notary has signed heads. */
function checkSigned({ name, notary }: Config, log: LogReader): Promise<Check> {
  return checked('notary', async () => {
    if (!existsSync(notary.state)) return ok('notary', 'none');
    using record = openNotaryRecord(notary.state);
    const place = record.read()?.place;
    if (place === undefined) return ok('notary', 'has signed nothing');
    const { lastEvent: last, position, size } = place;
    if ((await lastSeen(log, { last, position, prefixes: [`${name}.`] })) === undefined) {
      const message = `the notary has signed ${size} events, and the log does not have the last one`;
      throw new TocsinError('refused', 'log_shorter', message, {
        hint:
          'Restore the newer log. If it is lost, tell those who keep heads: the notary stops, because it never signs a head ' +
          'that is inconsistent with an earlier one. See docs/backup.md.',
      });
    }
    return ok('notary', `the log holds the ${size} events that it has read`);
  });
}

/** Where the parts would be if the files of a backup were in force: for a check before anything is written. */
export function inBackup(config: Config, folder: string, parts: ReadonlySet<string>): Config {
  const { vault, notary } = config;
  return {
    ...config,
    store: parts.has('log') ? `embedded:${join(folder, 'store.db')}` : config.store,
    state: parts.has('state') ? join(folder, 'state.db') : config.state,
    worker: parts.has('worker') ? join(folder, 'worker') : config.worker,
    notary: parts.has('notary') ? { ...notary, state: join(folder, 'notary.db') } : notary,
    vault: parts.has('vault') ? { ...vault, file: join(folder, 'vault.db') } : vault,
  };
}
