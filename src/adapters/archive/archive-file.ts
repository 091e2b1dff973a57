// The file of an archive: written beside its name, synced, checked, and only then given its name.
import { createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ArchiveFile } from '../../kernel/archive/archive.ts';
import type { ArchiveSource } from '../../projections/archive/format.ts';
import { sync } from '../sqlite/copy-file.ts';
import { asFileError, linesOf } from './text-file.ts';

/** Lines that are written at once. */
const CHUNK_BYTES = 256 * 1024;

/** An archive for reading. @throws TocsinError `usage` while it is read, when the file cannot be read */
export function archiveSource(file: string): ArchiveSource {
  return { name: basename(file), lines: () => linesOf(file) };
}

/** An archive to be written. It is private to its owner, as the log is. */
export function archiveFile(file: string): ArchiveFile {
  const path = resolve(file);
  const partial = `${path}.partial`;
  return {
    ...archiveSource(path),
    exists: () => existsSync(path),
    async write(lines) {
      let bytes = 0;
      async function* chunks(): AsyncGenerator<string> {
        let chunk = '';
        for await (const line of lines) {
          chunk += `${line}\n`;
          if (chunk.length < CHUNK_BYTES) continue;
          bytes += Buffer.byteLength(chunk);
          yield chunk;
          chunk = '';
        }
        bytes += Buffer.byteLength(chunk);
        yield chunk;
      }
      try {
        await pipeline(Readable.from(chunks()), createWriteStream(partial, { mode: 0o600 }));
        await syncFile(partial);
      } catch (cause) {
        throw asFileError(partial, cause);
      }
      return bytes;
    },
    written: () => linesOf(partial),
    async keep() {
      try {
        await rename(partial, path);
        await sync(dirname(path));
      } catch (cause) {
        throw asFileError(path, cause);
      }
    },
    async discard() {
      await rm(partial, { force: true });
    },
  };
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
