// Takes a backup while everything runs. The parts are seen in this order: state file, indexes, stream, log, vault. What is
// committed is stored, and what is stored is in the log, so no part of a backup is ahead of its log.
import { statSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedReader } from '../../adapters/eventstore/embedded/store.ts';
import { hashOf, snapshotOf, sync, type Snapshot } from '../../adapters/sqlite/copy-file.ts';
import { firstOf } from '../../projections/last-seen.ts';
import { isEventStoreDb, openMessageReader, openReader } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { prepareFolder } from './backup-folder.ts';
import { writeManifest, type BackedUpFile, type Manifest } from './backup-manifest.ts';
import { existingFiles, isPlainFile, PART_TEXT, type PartFile } from './backup-parts.ts';
import { listPosition, logPosition, streamPosition, vaultPosition } from './backup-positions.ts';
import { usageError } from '../config/usage-error.ts';
import { failed, type Check } from './doctor-check.ts';

export type BackupOptions = {
  readonly folder: string;
  readonly force: boolean;
  /** The version of Tocsin, for the manifest. */
  readonly version: string;
  readonly takenAt: string;
};

export type BackupResult = {
  readonly manifest: Omit<Manifest, 'kind' | 'version'>;
  /** Why the stream's position is not in the manifest. */
  readonly streamAway: Check | undefined;
};

type Held = PartFile & { readonly snapshot: Snapshot };

/** How often log and vault are seen again because an event came between them. */
const MAX_TRIES = 20;

/** @throws TocsinError when a part cannot be read, or the folder is not empty; then the folder is no backup */
export async function takeBackup(config: Config, options: BackupOptions): Promise<BackupResult> {
  const { folder, force, version, takenAt } = options;
  const parts = existingFiles(config);
  const isServer = isEventStoreDb(config.store);
  if (!isServer && !parts.some(({ part }) => part === 'log')) {
    const hint =
      'Check --store. A log behind a server is named by its address, such as esdb://HOST:PORT.';
    throw usageError('file_unusable', `${config.store} does not exist`, hint);
  }
  await prepareFolder(folder, force);
  using held = new DisposableStack();
  const hold = (part: PartFile): Held => ({
    ...part,
    snapshot: held.use(snapshotOf(part.live, PART_TEXT[part.part])),
  });
  const plain = parts.filter(isPlainFile);
  const derived = parts
    .filter((one) => /^(?:state|worker|notary)$/.test(one.part) && !isPlainFile(one))
    .map(hold);
  const files: BackedUpFile[] = [];
  // Before the log is seen: a head must not be of leaves that the backup does not have.
  for (const one of plain) files.push(await copyPlain(folder, one));
  const stream = await positionOfStream(config);
  const sources = await holdSources(parts.filter(({ part }) => part === 'log' || part === 'vault'));
  for (const { snapshot } of sources) held.use(snapshot);
  for (const one of [...sources, ...derived]) files.push(await copyOne(folder, one));
  const has = (path: string): boolean => files.some((file) => file.path === path);
  await using log = await (isServer
    ? openReader(config)
    : Promise.resolve(embeddedReader(join(folder, 'store.db'))));
  const manifest = {
    tocsin: version,
    node: process.versions.node,
    takenAt,
    name: config.name,
    log: await logPosition(log, config.name, isServer ? 'server' : 'embedded'),
    list: has('state.db') ? listPosition(join(folder, 'state.db')) : null,
    stream: stream.position,
    vault: has('vault.db') ? vaultPosition(join(folder, 'vault.db')) : null,
    files,
  };
  await sync(join(folder, 'worker'));
  await writeManifest(folder, manifest);
  return { manifest, streamAway: stream.away };
}

/** The stream may be away: the log decides, so a backup without the stream's position is whole too. */
async function positionOfStream(
  config: Config,
): Promise<{ readonly position: Manifest['stream']; readonly away: Check | undefined }> {
  try {
    await using messages = await openMessageReader(config);
    return { position: await streamPosition(messages), away: undefined };
  } catch (error) {
    return { position: null, away: failed('stream', error) };
  }
}

/**
 * Holds log and vault at one moment. An event that names a secret comes after the secret, and a secret is shredded after
 * the event that says so: if no event comes between the two, they fit together.
 */
async function holdSources(parts: readonly PartFile[]): Promise<readonly Held[]> {
  const log = parts.find(({ part }) => part === 'log');
  for (let tries = 1; ; tries += 1) {
    const before = log && (await headOf(log.live));
    const held = parts.map((part) => ({
      ...part,
      snapshot: snapshotOf(part.live, PART_TEXT[part.part]),
    }));
    if (log === undefined || tries === MAX_TRIES || before === (await headOf(log.live)))
      return held;
    for (const { snapshot } of held) snapshot[Symbol.dispose]();
  }
}

async function headOf(file: string): Promise<string | undefined> {
  await using log = embeddedReader(file);
  const newest = { direction: 'backwards', prefixes: [], maxCount: 1 } as const;
  return (await firstOf(log.readAll(newest)))?.id;
}

async function copyPlain(folder: string, { part, path, live }: PartFile): Promise<BackedUpFile> {
  const target = join(folder, path);
  await copyFile(live, target);
  await chmod(target, 0o600);
  await sync(target);
  const bytes = statSync(target).size;
  return { part, path, bytes, sha256: await hashOf(target), applicationId: 0, format: 0 };
}

async function copyOne(folder: string, { part, path, snapshot }: Held): Promise<BackedUpFile> {
  const target = join(folder, path);
  await snapshot.copyTo(target);
  const { applicationId, version: format } = snapshot.format;
  const bytes = statSync(target).size;
  return { part, path, bytes, sha256: await hashOf(target), applicationId, format };
}
