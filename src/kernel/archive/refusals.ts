// Why an archive is refused, and what to do.
import { latestArchiveTime } from '../../domain/control/archive-age.ts';
import type { ControlState } from '../../domain/control/state.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { formatInstant, type Instant } from '../../domain/core/instants.ts';
import { comparePositions, formatPosition, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { TreeHead } from '../../projections/notary/head.ts';
import type { Checkpoint } from '../../projections/read-model.ts';

const refused = (code: string, message: string, hint: string, cause?: unknown): TocsinError =>
  new TocsinError('refused', code, message, { hint, cause });

export const refusals = {
  emptyLog: () =>
    new TocsinError('usage', 'empty_log', 'the log has no events', {
      hint: 'Check --store and --name.',
    }),
  plain: ({ stream, revision }: RecordedEvent) =>
    refused(
      'archive_plain',
      `event ${revision} of ${stream} has personal texts that are not sealed`,
      'An archive is out of reach when its user is forgotten. Allow it with --plain, and keep the file as you keep the log.',
    ),
  headDiffers: ({ size, time }: TreeHead) =>
    refused(
      'archive_head_differs',
      `the first ${size} events are not those that the notary signed at ${time}`,
      'Archive nothing before it is clear what happened: `tocsin audit verify --head` names the first difference.',
    ),
  otherHead: (store: string) =>
    refused(
      'archive_head_differs',
      `the heads are of log ${store}`,
      'Check --head, --store and --name.',
    ),
  exists: (file: string, cause?: unknown) =>
    refused(
      'archive_exists',
      `${file} exists, and it is no unfinished archive of this log`,
      'Name another file. An archive that the log has recorded is not written again.',
      cause,
    ),
  wrong: (why: string) =>
    refused(
      'archive_wrong',
      `the file was read back, and is not what was written: ${why}`,
      'Nothing was recorded or removed. Check the disk, and write to another one.',
    ),
  overtaken: (file: string) =>
    refused(
      'archive_overtaken',
      `another archive was recorded while ${file} was written`,
      'Nothing was removed. Delete the file, and run the command again.',
    ),
};

/** @throws TocsinError `archive_too_recent` with the latest time that is allowed */
export function assertOldEnough(
  control: ControlState,
  triggers: readonly Pick<TriggerDefinition, 'windowMs'>[],
  before: Instant,
  now: Instant,
): void {
  const windows = triggers.flatMap(({ windowMs }) => (windowMs === null ? [] : [windowMs]));
  const latest = latestArchiveTime(control, windows, now);
  if (before <= latest) return;
  throw refused(
    'archive_too_recent',
    `${formatInstant(before)} is too recent: windows and policies still look back to events after ${formatInstant(latest)}`,
    `Give --before ${formatInstant(latest)} or an earlier time.`,
  );
}

/** @throws TocsinError `archive_not_projected` when the projector has not folded everything up to there */
export function assertProjected(
  checkpoint: Checkpoint | undefined,
  storeId: string,
  upTo: Position | undefined,
): void {
  const hint =
    'Give the state file of the projector of this log with --state, and let `tocsin project` catch up first.';
  if (checkpoint?.storeId !== storeId) {
    throw refused('archive_not_projected', 'the state file is not of this log', hint);
  }
  if (upTo === undefined || comparePositions(checkpoint.position, upTo) >= 0) return;
  const [at, end] = [checkpoint.position, upTo].map(formatPosition);
  const message = `the projector is at ${at}, before the end of the archive at ${end}`;
  throw refused('archive_not_projected', message, hint);
}
