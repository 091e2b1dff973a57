// Makes files and folders for their owner only, whatever the umask: the log and the files that are made from it
// name users.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes missing folders of a path, for their owner only. Folders that exist keep their rights. */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/**
 * Makes an empty file and its folder if missing, for its owner only. SQLite gives the files that it makes beside a
 * database (`-wal`, `-shm`, `-journal`) the rights of the database.
 */
export function makePrivateFile(file: string): void {
  makePrivateFolder(dirname(file));
  if (existsSync(file)) return;
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch {
    // Whoever opens the file next fails for the same reason, with an error that says what to do.
  }
}
