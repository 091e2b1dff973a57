// `tocsin audit rebuild`: a fresh read model in the place of the live one; nothing is sent.
import type { Command } from 'commander';
import { replaceReadModel } from '../../adapters/sqlite/replace.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { formatPosition, parsePosition, type Position } from '../../domain/core/positions.ts';
import { rebuild } from '../../projections/audit/rebuild/rebuild.ts';
import { openMessageReader, openReader } from '../compose/compose.ts';
import { EXIT, secondsSince } from '../terminal/terminal.ts';
import { logProgress } from './audit-progress.ts';
import { NATS_SETTINGS } from '../config/settings.ts';
import { execute, withCommonOptions, type Work } from './command.ts';

type Options = { readonly to?: string; readonly json?: true };

export function auditRebuildCommand(audit: Command): void {
  withCommonOptions(
    audit
      .command('rebuild')
      .description('build the read model again from the log, without sending')
      .option('--to <POSITION>', 'not further than this position'),
    ['store', ...NATS_SETTINGS, 'state', 'name', 'source'],
  )
    .addHelpText(
      'after',
      `
The projector on that state file must not run. The new file is built beside it and takes its place in
one step, up to where the old one was; where that cannot be read, or the stream holds less, up to the
event of the stream's last message. Every message is compared on the way: if the stream is not what the
log gives, nothing is replaced (exit code 4). \`tocsin project\` then goes on from there.

Example:
  tocsin audit rebuild --state var/state.db`,
    )
    .action((options: Options) => execute(options, rebuildState));
}

const rebuildState: Work<Options> = async ({ config, terminal }, options) => {
  const startedAt = performance.now();
  const to = placeOf(options.to);
  await using log = await openReader(config);
  await using output = await openMessageReader(config);
  const progress = await logProgress(log, config.name, terminal, startedAt);
  const { name: kernel, subjectRoot, source } = config;
  const names = { subjectRoot, source };
  const result = await replaceReadModel(config.state, (state, live) =>
    rebuild({ log, kernel, output, state, live, to, names, progress }),
  );
  const seconds = secondsSince(startedAt);
  const checkpoint = formatPosition(result.checkpoint);
  terminal.print({ ...result, checkpoint, seconds });
  terminal.say(
    `${config.state} is built again up to ${checkpoint}: ${result.events} events, ${result.published} ` +
      `notifications let through, ${result.suppressed} suppressed, ${result.parked} parked ` +
      `(output sequence ${result.outputSequence}, ${seconds} s)`,
  );
  return EXIT.done;
};

function placeOf(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined;
  const position = parsePosition(text);
  if (position !== undefined) return position;
  throw new TocsinError('usage', 'invalid_position', `--to ${text} is no position`, {
    hint: 'A position is commit/prepare in decimal, as `tocsin project` prints it.',
  });
}
