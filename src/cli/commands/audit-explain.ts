// `tocsin audit explain`: why a user was notified, or was not.
import type { Command } from 'commander';
import { openReadModelReader } from '../../adapters/sqlite/read-model.ts';
import type { AsOf, Explanation } from '../../projections/audit/explain/explain.ts';
import type { UserExplanation } from '../../projections/audit/explain/explain-user.ts';
import type { StoryLine } from '../../projections/audit/explain/lines.ts';
import { openReader } from '../compose/compose.ts';
import { usageError } from '../config/usage-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, timeOf } from './audit-log.ts';
import { register, type Work } from './command.ts';

type Options = ArchiveOption & {
  readonly id?: string;
  readonly user?: string;
  readonly at?: string;
};

export function auditExplainCommand(audit: Command): void {
  register(
    audit
      .command('explain [ID]')
      .description('explain why a user was notified, or was not')
      .option('--user <ID>', 'explain this user’s requests instead of one id; needs --at')
      .option('--at <TIME>', 'show what the log held at that time, and what had happened by then')
      .option(...ARCHIVE_OPTION),
    ['store', 'state', 'name'],
    `ID is a trigger (ast_…), a preview (asp_…) or a notification. The output lists the events in the order of the
log, with positions, actors and times. It then shows the verdict, the policy, the requests that the same
notification suppressed, and a sentence for the user. It reads single events and indexed rows, so a long
log takes no more time than a short one.

Examples:
  tocsin audit explain ast_9c5f5bbd6d42695cc2a5cd9a63ba4dd07d_1
  tocsin audit explain --user 42 --at 2026-04-30T10:17:42+08:00`,
    explainIt,
  );
}

const explainIt: Work<Options> = async ({ config, terminal }, { id, user, at, archive }) => {
  const time = at === undefined ? undefined : timeOf('--at', at);
  await using log = await openReader(config);
  using state = openReadModelReader(config.state);
  const audit = auditOf(config, log, { state, archive });
  if (id !== undefined && user === undefined) {
    const explanation = await audit.explain(id, time);
    terminal.print(explanation);
    showExplanation(terminal, explanation);
    return;
  }
  if (id !== undefined || user === undefined || time === undefined) {
    const hint = 'See tocsin audit explain --help.';
    throw usageError('wrong_usage', 'give either an id, or --user and --at', hint);
  }
  const explanation = await audit.explainUser(user, time);
  terminal.print(explanation);
  showUser(terminal, explanation);
};

function showExplanation({ say }: Terminal, explanation: Explanation): void {
  const { story, decision, suppressed, suppressedMore, asOf } = explanation;
  say(`${explanation.triggerId}  user ${explanation.userId}  ${explanation.triggerType}`, '');
  for (const line of story) say(lineText(line));
  if (decision !== null) {
    const { notice: holder } = decision;
    say('', `${decision.verdict}: ${decision.reason} (${decision.meaning})`);
    say(`  at ${decision.position}, under ruleset ${decision.ruleset}, policy ${decision.policy}`);
    if (decision.windowStart !== null) say(`  window from ${decision.windowStart}`);
    if (holder !== null) {
      const message = holder.sequence === null ? '' : `, message ${holder.sequence} of the stream`;
      say(`  held by ${holder.id} of ${holder.triggerId}, ${holder.happenedAt}${message}`);
    }
  }
  if (suppressed.length > 0) {
    say('', 'suppressed by the same notification:');
    for (const { triggerId, happenedAt, position, reason } of suppressed) {
      say(`  ${happenedAt}  ${position}  ${triggerId}  ${reason}`);
    }
    if (suppressedMore) say('  and possibly more');
  }
  if (asOf !== null) showAsOf(say, asOf, story.length);
}

function showAsOf(say: Terminal['say'], asOf: AsOf, lines: number): void {
  const { at, known, happenedUnknown, sentence } = asOf;
  if (known.length === lines) {
    say('', `At ${at} the log held all of these lines.`);
    return;
  }
  say('', `At ${at} the log held ${known.length} of these ${lines} lines; the last one:`);
  for (const line of known.slice(-1)) say(lineText(line));
  if (happenedUnknown.length > 0) say('These had happened, but were recorded later:');
  for (const line of happenedUnknown) say(lineText(line));
  say(
    sentence === null ? 'The log held nothing about it.' : `The answer at that time: ${sentence}`,
  );
}

function showUser(terminal: Terminal, explanation: UserExplanation): void {
  const { userId, at, known, happenedUnknown, latest, sentence } = explanation;
  terminal.say(`user ${userId} at ${at}`);
  for (const [title, requests] of [
    ['in the log at that time, latest first:', known],
    ['had happened, but was recorded later:', happenedUnknown],
  ] as const) {
    if (requests.length > 0) terminal.say('', title);
    for (const { happenedAt, recordedAt, triggerId, triggerType, verdict, reason } of requests) {
      terminal.say(
        `  ${happenedAt} (recorded ${recordedAt})  ${triggerType}  ${triggerId}  ${verdict}: ${reason}`,
      );
    }
  }
  if (latest !== null) {
    terminal.say('', 'the latest request in the log at that time:');
    showExplanation(terminal, latest);
  }
  terminal.say('', sentence);
}

function lineText({ recordedAt, happenedAt, actor, position, type, text }: StoryLine): string {
  const when = happenedAt === null || happenedAt === recordedAt ? '' : ` (happened ${happenedAt})`;
  return `  ${recordedAt}  ${position}  ${type}: ${text}${when}${actor === null ? '' : `, by ${actor}`}`;
}
