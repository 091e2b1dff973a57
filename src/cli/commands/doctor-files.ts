// The check of `tocsin doctor` that this user can use Tocsin's files, and that no other account of the machine can.
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isEventStoreDb } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { readRunFile } from '../config/run-file.ts';
import { existingFiles, liveFile } from './backup-parts.ts';
import { fault, ok, warning, type Check } from './doctor-check.ts';
import type { Needs } from './doctor-roles.ts';

/** Files that SQLite makes beside a database. */
const COMPANIONS = ['', '-wal', '-shm', '.lock'];
const OF_OTHERS = 0o077;
/** How many files `doctor` names. */
const MOST_NAMED = 5;

export function checkFiles(config: Config): Check {
  const found = filesOf(config);
  const { databases, secrets } = found;
  const files = [
    ...databases.flatMap((file) => COMPANIONS.map((end) => `${file}${end}`)),
    ...secrets,
  ];
  const folders = new Set(databases.map((file) => dirname(file)));
  const all = [...folders, ...files].filter((path) => existsSync(path));
  const unusable = all.filter((path) => !isUsable(path, secrets.includes(path)));
  if (unusable.length > 0) {
    const detail = `this user cannot read and write ${named(unusable)}`;
    const hint =
      'Run doctor as the user of the daemon. If that is this user, chown these paths to it.';
    return fault('files', 'files_unusable', detail, hint);
  }
  const ofRoot = files.filter((path) => existsSync(path) && isOfRootAlone(path));
  if (ofRoot.length > 0) {
    const detail = `root owns ${named(ofRoot)}, and another user owns the folder`;
    const hint =
      'A command was run as root. Run chown for each file, or the daemon cannot write it.';
    return warning('files', 'files_of_root', detail, hint);
  }
  const reachable = [...all, ...filesOfOwnServer()];
  const open = reachable.filter((path) => (statSync(path).mode & OF_OTHERS) !== 0);
  if (open.length === 0)
    return ok('files', `only their owner can reach the ${reachable.length} files and folders`);
  const detail = `other accounts of this machine can reach ${named(open)}`;
  const hint = 'Run chmod 600 for each file and chmod 700 for each folder. See docs/security.md.';
  return warning('files', 'files_open', detail, hint);
}

/** What the nats-server of a `start` keeps. It replaces files while it runs. */
function filesOfOwnServer(): readonly string[] {
  const folder = resolve('var/nats');
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return [folder, ...names.map((name) => join(folder, name))].filter((path) => existsSync(path));
}

/** The files whose disks must have room, also those that a first start makes. */
export function growingFiles(config: Config, needs: Needs): readonly string[] {
  const { databases } = filesOf(config);
  return [
    ...databases,
    ...(needs.ownsStore || needs.startsServers ? storeFile(config) : []),
    ...(needs.projects ? [config.state] : []),
    ...(needs.delivers ? [join(config.worker, 'index.db')] : []),
    ...(needs.startsServers ? [resolve('var/nats/store')] : []),
  ];
}

type Found = {
  /** SQLite files. */
  readonly databases: readonly string[];
  /** Files that must be read only. */
  readonly secrets: readonly string[];
};

function filesOf(config: Config): Found {
  const running = isEventStoreDb(config.store) ? readRunFile()?.storeFile : undefined;
  const { vault, notary, natsAccess, messageKeyFile } = config;
  const { credentials, tls } = natsAccess;
  const creds =
    credentials !== undefined && 'credsFile' in credentials ? credentials.credsFile : [];
  return {
    databases: [
      ...existingFiles(config).map(({ live }) => live),
      ...(running === undefined ? [] : [running]),
      ...[notary.state].filter((file) => existsSync(file)),
    ],
    secrets: [
      'file' in vault.keys ? vault.keys.file : [],
      messageKeyFile,
      notary.key,
      creds,
      tls?.key ?? [],
      resolve('var/run.json'),
    ].flat(),
  };
}

function storeFile(config: Config): readonly string[] {
  return isEventStoreDb(config.store) ? [] : [liveFile(config, 'log', 'store.db')];
}

function isUsable(path: string, isReadOnly: boolean): boolean {
  try {
    accessSync(path, isReadOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
    return true;
  } catch {
    // Only an error says that the path cannot be used.
    return false;
  }
}

/** True for a file of root in a folder of another user. Root itself can use every file. */
function isOfRootAlone(path: string): boolean {
  return statSync(path).uid === 0 && statSync(dirname(path)).uid !== 0;
}

function named(paths: readonly string[]): string {
  const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : '';
  return `${paths.slice(0, MOST_NAMED).join(', ')}${more}`;
}
