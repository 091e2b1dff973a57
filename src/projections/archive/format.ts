// An archive: an export with all events of a part of the log, and the tree of the log before it. The archives of a log
// follow each other without a gap, so that they and the log after them are one log.
import type { ArchiveRecord } from '../../domain/control/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { formatPosition, type Position } from '../../domain/core/positions.ts';
import type { Manifest } from '../audit/export/format.ts';
import { Frontier } from '../notary/frontier.ts';
import { bytesOf, hexOf } from '../notary/head.ts';

/** The lines of an archive's file, without line ends. */
export type ArchiveSource = { readonly name: string; readonly lines: () => AsyncIterable<string> };

/** Where an archive begins: after these events of the log. */
export type ArchiveStart = {
  readonly size: number;
  /** Of the last event before it; `undefined` at the beginning of the log. */
  readonly position: Position | undefined;
  readonly peaks: readonly string[];
};

/** Where the archive after this one begins; `undefined`: after none. */
export function startAfter(record: ArchiveRecord | undefined): ArchiveStart {
  if (record === undefined) return { size: 0, position: undefined, peaks: [] };
  const { size, peaks } = record.tree;
  return { size, position: record.upTo, peaks };
}

/** As the header of the archive has it. */
export function headerAfter({ size, position, peaks }: ArchiveStart) {
  const at = position === undefined ? null : formatPosition(position);
  return { size, position: at, peaks: [...peaks] };
}

export function treeAt({ size, peaks }: ArchiveStart): Frontier {
  return new Frontier(size, peaks.map(bytesOf));
}

/** The tree of a record. */
export function treeOf(tree: Frontier): ArchiveRecord['tree'] {
  return { size: tree.size, root: hexOf(tree.root()), peaks: tree.peaks.map(hexOf) };
}

/** True for the archive that a record is about. */
export function isOf({ hash }: Pick<Manifest, 'hash'>, record: ArchiveRecord): boolean {
  return hash === record.hash;
}

export function archiveDamaged(name: string, why: string): TocsinError {
  return new TocsinError('refused', 'archive_damaged', `${name}: ${why}`, {
    hint: 'Check it with `tocsin audit verify-export`, and take another copy of the file.',
  });
}

/** The log lacks events that the files hold. */
export function logArchived(missing: readonly ArchiveRecord[]): TocsinError {
  const files = missing.map(({ file, hash }) => `${file} (${hash.slice(0, 12)}…)`).join(', ');
  const message = `events of this log were moved to ${files}`;
  return new TocsinError('refused', 'log_archived', message, {
    hint: 'Give the files: --archive FILE…, one for each of them, wherever they are now. Without them the answer would be another.',
  });
}

/** Events left the log while it was read: the next try reads them from the archive, or refuses without it. */
export function archivedMeanwhile(): TocsinError {
  const message = 'events were moved to an archive while they were read';
  return new TocsinError('unavailable', 'archived_meanwhile', message, {
    hint: 'Start again, with the new file too: --archive FILE…',
  });
}
