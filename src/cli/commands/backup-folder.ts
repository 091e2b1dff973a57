// The folder of a backup: only its owner may read it, and nothing in it is replaced by accident.
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TocsinError } from '../../domain/core/errors.ts';
import { MANIFEST, readManifest } from './backup-manifest.ts';

/** What a backup makes in its folder. */
const OWN = new Set([
  ...[MANIFEST, `${MANIFEST}.draft`, 'store.db', 'state.db', 'vault.db', 'worker'],
  ...['notary.db', 'notary.key', 'heads.ndjson'],
]);

/**
 * Makes the folder, or empties the one of an earlier backup.
 * @throws TocsinError `backup_exists` or `backup_foreign` where the folder is not empty
 */
export async function prepareFolder(folder: string, force: boolean): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = readdirSync(folder);
  const foreign = found.filter((name) => !OWN.has(name));
  if (foreign.length > 0) {
    const names = foreign.slice(0, 3).join(', ');
    const message = `${folder} holds files that do not belong to a backup: ${names}`;
    const hint =
      'Name a new or an empty folder. --force does not remove files that do not belong to a backup.';
    throw new TocsinError('refused', 'backup_foreign', message, { hint });
  }
  if (found.length > 0 && !force) {
    const what = existsSync(join(folder, MANIFEST))
      ? `a backup of ${takenAt(folder)}`
      : 'a backup that did not end';
    throw new TocsinError('refused', 'backup_exists', `${folder} holds ${what}`, {
      hint: 'Name another folder, or replace that backup with --force.',
    });
  }
  // The manifest first: without it what is left is no backup.
  for (const name of [MANIFEST, ...OWN]) {
    await rm(join(folder, name), { force: true, recursive: true });
  }
  await chmod(folder, 0o700);
  await mkdir(join(folder, 'worker'), { mode: 0o700 });
}

function takenAt(folder: string): string {
  try {
    return readManifest(folder).takenAt;
  } catch (error) {
    if (error instanceof TocsinError) return 'an unknown time';
    throw error;
  }
}
