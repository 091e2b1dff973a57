// Reads which logs this log was copied from.
import type { EventMetadata } from '../../../domain/core/envelope.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { copiedStream } from '../../../domain/core/ids.ts';
import type { Position } from '../../../domain/core/positions.ts';
import { copyCodec, type CopyEvent } from '../../../domain/copy/events.ts';
import type { ReadableLog } from './ports.ts';
import { splitAt } from './reading.ts';

/** One run of a copy that copied events. */
export type CopyRecord = CopyEvent['data'] & Pick<EventMetadata, 'recordedAt'>;

/**
 * The records of each log that this log comes from, oldest log first.
 *
 * @param head the last position to read; default: all
 * @throws TocsinError `copy_unreadable`
 */
export async function copiesOf(
  log: Pick<ReadableLog, 'readStream'>,
  kernel: string,
  head?: Position,
): Promise<readonly (readonly CopyRecord[])[]> {
  const copies: CopyRecord[][] = [];
  for (;;) {
    const records: CopyRecord[] = [];
    const stream = copiedStream(kernel, copies.length + 1);
    for await (const page of log.readStream(stream, { direction: 'forwards' })) {
      for (const recorded of head === undefined ? page : splitAt(page, head)[0]) {
        const decoded = copyCodec.decode(recorded);
        if (decoded.kind !== 'event') {
          const why = decoded.kind === 'fault' ? decoded.fault.detail : 'its type is unknown';
          const message = `event ${recorded.revision} of ${stream} cannot be read: ${why}`;
          throw new TocsinError('refused', 'copy_unreadable', message, {
            hint: 'A newer version may have written it: run that version or a later one.',
          });
        }
        const { recordedAt } = decoded.metadata;
        records.push({ ...decoded.event.data, recordedAt });
      }
    }
    if (records.length === 0) return copies;
    copies.push(records);
  }
}
