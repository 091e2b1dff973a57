// The files of a deployment that a backup holds, and where a backup keeps each.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedFile, isEventStoreDb } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import type { BackedUpFile } from './backup-manifest.ts';

export type PartName = BackedUpFile['part'];

export const PARTS = [
  'log',
  'state',
  'worker',
  'vault',
  'notary',
] as const satisfies readonly PartName[];

/** What a part is, for messages. */
export const PART_TEXT: Readonly<Record<PartName, string>> = {
  log: 'the event store',
  state: 'the state file',
  worker: 'an index of the worker',
  vault: 'the vault',
  notary: 'the state of the notary',
};

export type PartFile = {
  readonly part: PartName;
  /** Within a backup. */
  readonly path: string;
  /** Where the deployment has it. */
  readonly live: string;
};

const WORKER_FILE = /^[A-Za-z0-9][A-Za-z0-9._-]*\.db$/;

/** The files that exist, in the order in which a backup must see them. */
export function existingFiles(config: Config): readonly PartFile[] {
  const indexes = existsSync(config.worker)
    ? readdirSync(config.worker).filter((name) => WORKER_FILE.test(name))
    : [];
  const named: readonly (readonly [PartName, string])[] = [
    ['notary', 'notary.db'],
    ['notary', 'heads.ndjson'],
    ['notary', 'notary.key'],
    ['state', 'state.db'],
    ...indexes.map((name) => ['worker', `worker/${name}`] as const),
    ...(isEventStoreDb(config.store) ? [] : [['log', 'store.db'] as const]),
    ['vault', 'vault.db'],
  ];
  return named
    .map(([part, path]) => ({ part, path, live: liveFile(config, part, path) }))
    .filter(({ live }) => existsSync(live));
}

/** Where the deployment has a file of a backup. */
export function liveFile(config: Config, part: PartName, path: string): string {
  switch (part) {
    case 'log':
      return embeddedFile(config.store);
    case 'state':
      return config.state;
    case 'worker':
      return join(config.worker, path.slice('worker/'.length));
    case 'vault':
      return config.vault.file;
    case 'notary':
      return notaryFile(config, path);
  }
}

function notaryFile({ notary }: Config, path: string): string {
  if (path === 'notary.key') return notary.key;
  return path === 'heads.ndjson' ? notary.heads : notary.state;
}

/** Files of a notary that are no databases. */
export function isPlainFile({ path }: Pick<PartFile, 'path'>): boolean {
  return path === 'notary.key' || path === 'heads.ndjson';
}
