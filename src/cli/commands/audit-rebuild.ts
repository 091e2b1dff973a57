// `tocsin audit rebuild`: replaces the read model by a new one from the log; sends nothing.
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { snapshotOf } from '../../adapters/sqlite/copy-file.ts';
import { replaceReadModel } from '../../adapters/sqlite/replace.ts';
import { formatPosition, parsePosition, type Position } from '../../domain/core/positions.ts';
import { openMessageReader, openReader } from '../compose/compose.ts';
import { secondsSince, type Terminal } from '../terminal/terminal.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { usageError } from '../config/usage-error.ts';
import { headsOf, withNotedLeaves } from './audit-heads.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

type Options = ArchiveOption & {
  readonly to?: string;
  readonly head?: string;
  readonly key?: string;
  readonly force?: true;
};

export function auditRebuildCommand(audit: Command): void {
  register(
    audit
      .command('rebuild')
      .description('rebuild the read model from the log, without sending')
      .option('--to <POSITION>', 'stop at this position')
      .option('--head <FILE>', 'signed heads that the log must fit (default: the file of --heads)')
      .option('--key <KEY>', 'the notary’s public key: a PEM file, or what it published')
      .option('--force', 'rebuild even if the log itself is in doubt; the old file is kept')
      .option(...ARCHIVE_OPTION),
    ['store', ...NATS_SETTINGS, 'state', 'name', 'source', 'heads', 'notary', 'notaryKey'],
    `The projector of that state file must be stopped. The command builds a new file and replaces the old file
in one step. It stops at the checkpoint of the old file. If the old file cannot be read, or the stream holds
fewer messages, it stops at the event of the stream's last message. It compares each message of the stream
with the log. If a message differs, the command replaces nothing and exits with 4. It does the same when the log
itself is in doubt: when events are missing, or when the log does not fit the heads of the notary.
\`tocsin project\` continues from the new file.

Example:
  tocsin audit rebuild --state var/state.db`,
    rebuildState,
  );
}

const rebuildState: Work<Options> = async (context, options) => {
  const { config, terminal } = context;
  const to = positionOf(options.to);
  const force = options.force === true;
  const { head = existsSync(config.notary.heads) ? config.notary.heads : undefined } = options;
  using witness =
    head === undefined
      ? undefined
      : withNotedLeaves(await headsOf(config, head, options.key), config);
  await using log = await openReader(config);
  await using messages = await openMessageReader(config);
  const audit = auditOf(config, log, { messages, archive: options.archive });
  const progress = await logProgress(log, context);
  if (force && existsSync(config.state)) await keepOld(config.state, terminal);
  const result = await replaceReadModel(config.state, (fresh, live) =>
    audit.rebuild(fresh, { live, to, progress, witness, force }),
  );
  const seconds = secondsSince(context.startedAt);
  const checkpoint = formatPosition(result.checkpoint);
  terminal.print({ ...result, checkpoint, seconds });
  terminal.say(
    `${config.state} was rebuilt up to ${checkpoint}: ${result.events} events, ${result.published} ` +
      `notifications published, ${result.suppressed} suppressed, ${result.parked} parked ` +
      `(output sequence ${result.outputSequence}, ${seconds} s)`,
  );
};

async function keepOld(file: string, terminal: Terminal): Promise<void> {
  const kept = `${file}.kept-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  using snapshot = snapshotOf(file, 'a read model');
  await snapshot.copyTo(kept);
  terminal.note(`The old file is kept as ${kept}.`);
}

function positionOf(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position !== undefined) return position;
  const hint = 'A position is commit/prepare in decimal, as `tocsin project` prints it.';
  throw usageError('invalid_position', `--to ${text} is not a position`, hint);
}
