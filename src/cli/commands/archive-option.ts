// `--archive`: the files that events of the log were moved to.
import { archiveSource } from '../../adapters/archive/archive-file.ts';
import type { ArchiveSource } from '../../projections/archive/format.ts';

export type ArchiveOption = { readonly archive?: readonly string[] | undefined };

/** For commands that read the log from its beginning, or its older streams. */
export const ARCHIVE_OPTION = [
  '--archive <FILE...>',
  'the archives that events were moved to, all of them',
] as const;

export function archivesOf({ archive = [] }: ArchiveOption): readonly ArchiveSource[] {
  return archive.map(archiveSource);
}
