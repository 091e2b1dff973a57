// `tocsin policy set|mute|unmute`: changes a policy by an event with actor and reason.
import type { Command } from 'commander';
import type { PolicyCommand } from '../../domain/control/policies.ts';
import { parseDuration } from '../../domain/core/durations.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import { formatInstant, parseInstant, type Instant } from '../../domain/core/instants.ts';
import { ANY_TYPE } from '../../domain/policy/in-force.ts';
import {
  formatPolicy,
  parsePolicy,
  POLICY_FORMS,
  POLICY_OPTIONS,
} from '../../domain/policy/text.ts';
import type { Issue } from '../../domain/core/input.ts';
import { initialiseControl } from '../../kernel/control/control.ts';
import { endForChange } from '../../kernel/control/policy-end.ts';
import { changePolicies } from '../../kernel/control/policies.ts';
import { openStore } from '../compose/compose.ts';
import { CLI_ACTOR, kernelContext } from '../compose/kernel-context.ts';
import { usageError } from '../config/usage-error.ts';
import { register, type Context, type Work } from './command.ts';

type ChangeOptions = { readonly type: string; readonly reason?: string; readonly actor: string };
type SetOptions = ChangeOptions & { readonly policy: readonly string[] };
type MuteOptions = ChangeOptions & { readonly for?: string; readonly until?: string };

export function policyChangeCommands(policy: Command): void {
  register(
    withChangeOptions(policy, 'set <POLICY...>', 'set the policy for later requests of a type'),
    ['store', 'name'],
    `Policies:
${POLICY_FORMS.map((form) => `  ${form}`).join('\n')}
and optionally: ${POLICY_OPTIONS}
(none publishes every request, and takes only stale)

Simulate a policy on the log first: tocsin audit simulate --policy "anchored 30m"

Examples:
  tocsin policy set anchored 30m --reason "two messages within a minute were too many"
  tocsin policy set session 10m max 4h bypass 1 --type unfinished_feedback --reason "calmer"
  tocsin policy set anchored 7d per target --type invoice_overdue --reason "each invoice"`,
    setPolicy,
  );
  register(
    withChangeOptions(policy, 'mute', 'for emergencies: suppress all requests until a time')
      .option('--for <LENGTH>', 'duration from now, such as 2h')
      .option('--until <INSTANT>', 'end of the mute, RFC 3339 with an offset'),
    ['store', 'name'],
    'Example:\n  tocsin policy mute --for 2h --reason "import runs wild"',
    mute,
  );
  register(
    withChangeOptions(policy, 'unmute', 'end a mute early'),
    ['store', 'name'],
    'Example:\n  tocsin policy unmute --reason "import is repaired"',
    unmute,
  );
}

function withChangeOptions(policy: Command, name: string, description: string): Command {
  return policy
    .command(name)
    .description(description)
    .option(
      '--type <TYPE>',
      'the trigger type; * means all types without a policy; in a mute, all types',
      ANY_TYPE,
    )
    .option('--reason <TEXT>', 'the reason, required; recorded in the log')
    .option('--actor <NAME>', 'who decides; recorded in the log', CLI_ACTOR);
}

const setPolicy: Work<SetOptions> = async (context, options) => {
  const parsed = parsePolicy(options.policy.join(' '));
  if (!parsed.ok) throw invalid('policy_invalid', parsed.error);
  const { value: policy } = parsed;
  const { type: triggerType, reason } = options;
  const summary = `${named(triggerType)}: ${formatPolicy(policy)}`;
  return change(context, options, { kind: 'set', triggerType, policy, reason }, summary);
};

const mute: Work<MuteOptions> = (context, options) => {
  const until = untilOf(options);
  const { type: triggerType, reason } = options;
  const summary = `${muted(triggerType)}: requests recorded before ${formatInstant(until)} are suppressed`;
  return change(context, options, { kind: 'mute', triggerType, until, reason }, summary);
};

const unmute: Work<ChangeOptions> = (context, options) => {
  const { type: triggerType, reason } = options;
  const summary = `${muted(triggerType)}: no longer muted`;
  return change(context, options, { kind: 'unmute', triggerType, reason }, summary);
};

async function change(
  { config, terminal }: Context,
  { type: triggerType, actor }: ChangeOptions,
  command: PolicyCommand,
  summary: string,
): Promise<void> {
  await using store = await openStore(config, `tocsin policy ${command.kind}`);
  const kernel = kernelContext(store, config.name);
  const loaded = await endForChange(kernel, command);
  // A log with such a change has its id.
  if (loaded === undefined) await initialiseControl(kernel, { actor });
  const result = await changePolicies(kernel, command, { actor, loaded });
  if (result.outcome === 'rejected') throw invalid(result.code, result.issues);
  const position = result.outcome === 'changed' ? result.position : undefined;
  terminal.print({ triggerType, outcome: result.outcome, position });
  terminal.say(
    result.outcome === 'changed'
      ? `${summary}; applies to later events of the log${position === undefined ? '' : ` (${position})`}.`
      : 'No change; nothing was written.',
  );
}

function named(triggerType: string): string {
  return triggerType === ANY_TYPE ? 'all types without a policy of their own' : triggerType;
}

/** A mute of * mutes all types, also those with a policy of their own. */
function muted(triggerType: string): string {
  return triggerType === ANY_TYPE ? 'all types' : triggerType;
}

function untilOf({ for: length, until }: MuteOptions): Instant {
  if ((length === undefined) === (until === undefined)) {
    throw invalidMute('until', 'is missing, or given beside --for');
  }
  if (until !== undefined) {
    const parsed = parseInstant(until);
    if (parsed.ok) return parsed.value;
    throw invalidMute('until', parsed.error);
  }
  const ms = parseDuration(length ?? '');
  if (ms !== undefined) return Date.now() + ms;
  throw invalidMute('for', 'is not a duration such as 2h or 90s');
}

function invalidMute(field: string, message: string): TocsinError {
  return invalid('mute_invalid', [{ field, message }]);
}

const HINTS: Readonly<Record<string, string>> = {
  policy_invalid: 'See tocsin policy set --help for the list of policies.',
  mute_invalid: 'Give --for LENGTH or --until INSTANT, such as --for 2h.',
};

function invalid(code: string, issues: readonly Issue[]): TocsinError {
  const message = issues.map((issue) => `${issue.field} ${issue.message}`).join('; ');
  const hint = HINTS[code] ?? 'Nothing was written. See tocsin policy --help.';
  return usageError(code, message, hint);
}
