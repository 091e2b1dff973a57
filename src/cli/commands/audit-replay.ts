// `tocsin audit replay`: computes all verdicts again from the log.
import type { Command } from 'commander';
import type { ReplayFilter } from '../../projections/audit/replay/replay.ts';
import { openReader } from '../compose/compose.ts';
import { rate, secondsSince } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, boundOf, logProgress } from './audit-log.ts';
import { register, type Work } from './command.ts';

type Options = ArchiveOption & {
  readonly from?: string;
  readonly to?: string;
  readonly user?: string;
  readonly type?: string;
};

export function auditReplayCommand(audit: Command): void {
  register(
    audit
      .command('replay')
      .description('compute all verdicts again from the log')
      .option(
        '--from <PLACE>',
        'count events at or after a position, or recorded at or after a time',
      )
      .option('--to <PLACE>', 'count events before a position, or recorded before a time')
      .option('--user <ID>', 'count events of this user')
      .option('--type <TYPE>', 'count events of this trigger type')
      .option(...ARCHIVE_OPTION),
    ['store', 'name'],
    `The digest is SHA-256 over the sorted dedupe keys (user:type:windowStart) of all sent notifications. The same log
gives the same digest on each machine and at any time. The command can run beside a running projector.

A verdict can depend on any earlier event, so the command always folds the whole log. The options restrict
only the counts and the digest. A position is commit/prepare, as
\`tocsin project --json\` prints it; a time is RFC 3339 with an offset.

Examples:
  tocsin audit replay --store embedded:var/store.db --json
  tocsin audit replay --user 42 --from 2026-04-01T00:00:00Z --to 2026-05-01T00:00:00Z`,
    replayLog,
  );
}

const replayLog: Work<Options> = async (context, options) => {
  const { config, terminal, startedAt } = context;
  const filter = filterOf(options);
  await using log = await openReader(config);
  const progress = await logProgress(log, context);
  const given = filter === undefined ? {} : { filter };
  const result = await auditOf(config, log, { archive: options.archive }).replay({
    progress,
    ...given,
  });
  const seconds = secondsSince(startedAt);
  terminal.print({ ...result, seconds });
  terminal.say(
    `${result.events} events: ${result.triggers} triggers, ${result.published} notifications published, ` +
      `${result.suppressed} suppressed, ${result.parked} parked (${seconds} s, ${rate(result.events, startedAt)})`,
    `dedupe keys sha256 ${result.dedupeKeysSha256}`,
  );
};

function filterOf({ from, to, user, type }: Options): ReplayFilter | undefined {
  if ([from, to, user, type].every((option) => option === undefined)) return undefined;
  return { from: boundOf('--from', from), to: boundOf('--to', to), user, type };
}
