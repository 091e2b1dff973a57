// Puts the files of a backup in their places. First all files are copied beside their places and checked, then each
// is renamed. A replaced file is kept beside the new file under another name.
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashOf, sync } from '../../adapters/sqlite/copy-file.ts';
import { acquireFileLock, ownerText, type FileLock } from '../../adapters/sqlite/file-lock.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { BackedUpFile } from './backup-manifest.ts';
import { isPlainFile, PART_TEXT, type PartFile, type PartName } from './backup-parts.ts';

export type ToRestore = PartFile & Pick<BackedUpFile, 'sha256'>;

export type RestoredFile = {
  readonly part: PartName;
  readonly file: string;
  /** Where the replaced file is kept. */
  readonly replaced: string | null;
};

const COMPANIONS = ['-wal', '-shm'];

/** @throws TocsinError `backup_damaged` where a file is not the one that was backed up */
export async function assertWhole(folder: string, files: readonly ToRestore[]): Promise<void> {
  for (const { path, sha256 } of files) await assertHash(join(folder, path), sha256);
}

/** Takes the locks of the files' owners. @throws TocsinError `file_in_use` while a process of Tocsin uses one */
export function lockAll(files: readonly ToRestore[]): Disposable {
  using locks = new DisposableStack();
  for (const file of files) {
    if (file.part !== 'vault' && !isPlainFile(file)) locks.use(lockOf(file.part, file.live));
  }
  return locks.move();
}

function lockOf(part: PartName, live: string): FileLock {
  return acquireFileLock(live, {
    holder: 'tocsin restore',
    inUse: (owner) => {
      const message = `${live}, ${PART_TEXT[part]}, is in use by ${ownerText(owner)}`;
      return new TocsinError('refused', 'file_in_use', message, {
        hint: 'Stop every process of this deployment, and restore again.',
      });
    },
  });
}

/** @param ending of the names under which replaced files are kept */
export async function restoreFiles(
  folder: string,
  files: readonly ToRestore[],
  ending: string,
): Promise<readonly RestoredFile[]> {
  const draftOf = ({ live }: PartFile): string => `${live}.restoring`;
  try {
    for (const file of files) {
      const draft = draftOf(file);
      await mkdir(dirname(file.live), { recursive: true, mode: 0o700 });
      await copyFile(join(folder, file.path), draft);
      await chmod(draft, 0o600);
      await sync(draft);
      // What is in place must be what was checked.
      await assertHash(draft, file.sha256);
    }
    const restored: RestoredFile[] = [];
    for (const file of files) {
      const { part, live } = file;
      const replaced = existsSync(live) ? `${live}.${ending}` : null;
      if (replaced !== null) await rename(live, replaced);
      // A write-ahead log belongs to the file beside it, and must not be applied to another one.
      for (const end of COMPANIONS)
        await setAside(`${live}${end}`, replaced && `${replaced}${end}`);
      await rename(draftOf(file), live);
      await sync(dirname(live));
      restored.push({ part, file: live, replaced });
    }
    return restored;
  } finally {
    for (const file of files) await rm(draftOf(file), { force: true });
  }
}

async function setAside(file: string, to: string | null): Promise<void> {
  if (to === null || !existsSync(file)) await rm(file, { force: true });
  else await rename(file, to);
}

async function assertHash(file: string, sha256: string): Promise<void> {
  if (existsSync(file) && (await hashOf(file)) === sha256) return;
  const message = `${file} is not the file that was backed up`;
  throw new TocsinError('refused', 'backup_damaged', message, {
    hint: 'Nothing was replaced. Restore another backup, or leave this part out with --only.',
  });
}
