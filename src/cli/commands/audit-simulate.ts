// `tocsin audit simulate`: replays the log under another policy. It writes and sends nothing.
import { Option, type Command } from 'commander';
import { TypeOrAnySchema } from '../../domain/control/events.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import { ANY_TYPE } from '../../domain/policy/in-force.ts';
import { AXES, DEFAULT_POLICY, type Axis } from '../../domain/policy/policy.ts';
import { parsePolicy, POLICY_FORMS } from '../../domain/policy/text.ts';
import { axisOf } from '../../domain/policy/windows.ts';
import { simulationDocument } from '../../projections/audit/simulate/document.ts';
import { DEFAULT_PER_MINUTE, type Replacement } from '../../projections/audit/simulate/simulate.ts';
import { openReader } from '../compose/compose.ts';
import { usageError } from '../config/usage-error.ts';
import { secondsSince } from '../terminal/terminal.ts';
import { ARCHIVE_OPTION, type ArchiveOption } from './archive-option.ts';
import { auditOf, logProgress } from './audit-log.ts';
import { register, wholeNumber, type Work } from './command.ts';
import { simulationLines } from './simulation-report.ts';

type Options = ArchiveOption & {
  readonly policy: readonly string[];
  readonly against?: readonly string[];
  readonly axis?: Axis;
  readonly limit: number;
};

export function auditSimulateCommand(audit: Command): void {
  register(
    audit
      .command('simulate')
      .description('show who would have been notified under another policy')
      .requiredOption('--policy <[TYPE:]POLICY>', 'the policy to simulate; once per type', collect)
      .option(
        '--against <[TYPE:]POLICY>',
        'compare with this policy; default: the policies in the log',
        collect,
      )
      .addOption(
        new Option('--axis <AXIS>', 'the time that gaps, days and minutes are measured on').choices(
          AXES,
        ),
      )
      .option(
        '--limit <COUNT>',
        'notifications per minute that the channel accepts',
        wholeNumber,
        DEFAULT_PER_MINUTE,
      )
      .option(...ARCHIVE_OPTION),
    ['store', 'name'],
    `A policy is one of
${POLICY_FORMS.map((form) => `  ${form}`).join('\n')}
and may be followed by [on requestedAt|recordedAt] [stale AFTER] [bypass COUNT]
A policy without a type replaces the policies of all types from the beginning of the log; mutes stay. The
simulation ignores delivery events of notifications that would not exist, and counts new notifications as
delivered. A longer tumbling window can publish more notifications, because its boundaries move. A longer
anchored window never publishes more notifications.

Examples:
  tocsin audit simulate --policy "anchored 30m on requestedAt"
  tocsin audit simulate --policy "anchored 1h" --against "tumbling 1h phase keyHash" --json`,
    simulateLog,
  );
}

const simulateLog: Work<Options> = async (context, options) => {
  const { config, terminal } = context;
  const policies = replacementOf('--policy', options.policy);
  const against = options.against && replacementOf('--against', options.against);
  const [first = DEFAULT_POLICY] = policies.values();
  const axis = options.axis ?? axisOf(first);
  await using log = await openReader(config);
  const result = await auditOf(config, log, { archive: options.archive }).simulate({
    policies,
    ...(against === undefined ? {} : { against }),
    axis,
    limitPerMinute: options.limit,
    progress: await logProgress(log, context),
  });
  const seconds = secondsSince(context.startedAt);
  const named = { before: against, after: policies };
  terminal.print({ ...simulationDocument(result, named, axis, options.limit), seconds });
  for (const line of simulationLines(result, named, axis, options.limit)) terminal.say(line);
};

function collect(text: string, others: readonly string[] = []): readonly string[] {
  return [...others, text];
}

function replacementOf(option: string, texts: readonly string[]): Replacement {
  const replacement = new Map<string, ReturnType<typeof policyOf>>();
  for (const text of texts) {
    const [, type = ANY_TYPE, policy = text] = /^\s*([a-z0-9_*]+)\s*:(.*)$/s.exec(text) ?? [];
    if (!TypeOrAnySchema.safeParse(type).success || replacement.has(type)) {
      throw wrong(option, `${type} is not a trigger type, or is given twice`);
    }
    replacement.set(type, policyOf(option, policy));
  }
  return replacement;
}

function policyOf(option: string, text: string) {
  const parsed = parsePolicy(text);
  if (parsed.ok) return parsed.value;
  throw wrong(option, parsed.error.map(({ field, message }) => `${field} ${message}`).join('; '));
}

function wrong(option: string, message: string): TocsinError {
  const hint = 'See tocsin audit simulate --help for the list of policies.';
  return usageError('policy_invalid', `${option}: ${message}`, hint);
}
