// What the archives of a log mean to a due process: streams that it has rows of may have left the log.
import { hidingMetadata } from '../../../domain/ports/hidden-stream.ts';
import { ArchiveRecords } from '../../../projections/archive-records.ts';
import type { DueProcessOptions } from './options.ts';

type Log = Pick<DueProcessOptions, 'store' | 'prefixes'>;

/** The archives of the log, by the first of the process's prefixes. */
export function archivesOf({ store, prefixes: [prefix = ''] }: Log): ArchiveRecords {
  return new ArchiveRecords(store, prefix.slice(0, prefix.lastIndexOf('.')));
}

/** True for a stream that an archive took. A stream that metadata hide is still there. */
export async function hasLeft(log: Log, stream: string): Promise<boolean> {
  if ((await archivesOf(log).read()).length === 0) return false;
  const read = { direction: 'backwards', maxCount: 1 } as const;
  for await (const page of log.store.readStream(stream, read)) if (page.length > 0) return false;
  return (await hidingMetadata(log.store, stream)).length === 0;
}
