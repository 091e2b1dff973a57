// Tree heads in a file, one JSON object per line. Between the heads are the hashes of the leaves, so that a reader who
// has only this file can name the leaf that differs. The hashes are checked against the signed root.
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  ftruncateSync,
  writeSync,
} from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';
import { joinHashes } from '../../projections/notary/frontier.ts';
import { parseHead, type TreeHead } from '../../projections/notary/head.ts';
import type { HeadOutput } from '../../projections/notary/notary.ts';
import { makePrivateFile } from '../sqlite/private-file.ts';

/** Leaves of a line: 180 KB of base64. */
const LEAVES_AT_ONCE = 4_096;
const BLOCK_BYTES = 64 * 1024;

/** Appends heads to a file; makes it if missing. Copies of the file elsewhere are what protects the log. */
export function headsFile(file: string): HeadOutput {
  return {
    name: `file ${file}`,
    lastHead: () => Promise.resolve(withFile(file, 'r', lastHeadIn)),
    give(head, leaves) {
      withFile(file, 'a+', (descriptor) => {
        removeTornLine(descriptor);
        const last = lastHeadIn(descriptor);
        // After a crash it may have been given.
        if (last?.size === head.size && last.signature === head.signature) return;
        const from = Math.min(last?.size ?? 0, head.size);
        const lines: string[] = [];
        for (let at = from; at < head.size; at += LEAVES_AT_ONCE) {
          const hashes = leaves(at, Math.min(head.size, at + LEAVES_AT_ONCE));
          const text = Buffer.from(joinHashes(hashes)).toString('base64');
          lines.push(JSON.stringify({ leaves: { from: at, hashes: text } }));
        }
        // One write: another notary may append to the same file.
        writeSync(descriptor, [...lines, JSON.stringify(head), ''].join('\n'));
        fsyncSync(descriptor);
      });
      return Promise.resolve();
    },
  };
}

function withFile<T>(file: string, flags: 'r' | 'a+', work: (descriptor: number) => T): T {
  try {
    makePrivateFile(file);
    const descriptor = openSync(file, flags, 0o600);
    try {
      return work(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TocsinError('unavailable', 'heads_unwritable', `${file}: ${detail}`, {
      hint: 'Check --heads, the disk and its room: the file gets the signed tree heads.',
      cause,
    });
  }
}

/** A crash can leave a part of a line, which no reader could tell from a damaged file. */
function removeTornLine(descriptor: number): void {
  const { size } = fstatSync(descriptor);
  const end = endOfLines(descriptor, size);
  if (end < size) ftruncateSync(descriptor, end);
}

/** The number of bytes up to the last line feed. */
function endOfLines(descriptor: number, size: number): number {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - BLOCK_BYTES);
    readSync(descriptor, block, 0, end - start, start);
    const at = block.subarray(0, end - start).lastIndexOf(0x0a);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}

/** The last head; it is the last whole line of a file that only notaries have written. */
function lastHeadIn(descriptor: number): TreeHead | undefined {
  const end = endOfLines(descriptor, fstatSync(descriptor).size);
  const block = Buffer.alloc(Math.min(BLOCK_BYTES, end));
  readSync(descriptor, block, 0, block.length, end - block.length);
  const lines = block.toString('utf8').split('\n');
  for (const line of lines.toReversed()) {
    const head = parseHead(line);
    if (head !== undefined) return head;
  }
  return undefined;
}
