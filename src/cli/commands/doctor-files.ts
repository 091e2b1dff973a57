// The check of `tocsin doctor` that no other account of the machine can read or write Tocsin's files.
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isEventStoreDb } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { readRunFile } from '../config/run-file.ts';
import { existingFiles } from './backup-parts.ts';
import { ok, type Check } from './doctor-check.ts';

/** Files that SQLite makes beside a database. */
const COMPANIONS = ['', '-wal', '-shm', '.lock'];
const OF_OTHERS = 0o077;
/** How many files `doctor` names. */
const MOST_NAMED = 5;

export function checkFiles(config: Config): Check {
  const running = isEventStoreDb(config.store) ? readRunFile()?.storeFile : undefined;
  const databases = [
    ...existingFiles(config).map(({ live }) => live),
    ...(running === undefined ? [] : [running]),
  ];
  const { keys } = config.vault;
  const files = [
    ...databases.flatMap((file) => COMPANIONS.map((end) => `${file}${end}`)),
    ...('file' in keys ? [keys.file] : []),
    config.messageKeyFile,
    resolve('var/run.json'),
  ];
  const folders = new Set(databases.map((file) => dirname(file)));
  const open = [...folders, ...files].filter(isOpenToOthers);
  if (open.length === 0) return ok('files', 'only their owner can reach the files');
  const named = open.slice(0, MOST_NAMED).join(', ');
  const more = open.length > MOST_NAMED ? ` and ${open.length - MOST_NAMED} more` : '';
  const detail = `other accounts of this machine can reach ${named}${more}`;
  const hint = 'Run chmod 600 for each file and chmod 700 for each folder. See docs/security.md.';
  return { name: 'files', status: 'warning', detail, code: 'files_open', hint };
}

function isOpenToOthers(path: string): boolean {
  return existsSync(path) && (statSync(path).mode & OF_OTHERS) !== 0;
}
