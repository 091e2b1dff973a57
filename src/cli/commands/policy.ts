// `tocsin policy show`: what decides whether a notification is let through.
import type { Command } from 'commander';
import { DEFAULT_WINDOW_MS } from '../../domain/core/windows.ts';
import { INITIAL_RULESET } from '../../projections/notification/rulesets.ts';
import { EXIT } from '../terminal.ts';
import { execute, withCommonOptions, type Work } from './command.ts';

type Options = { readonly json?: true };

export function policyCommand(program: Command): void {
  const policy = program.command('policy').description('dedupe policies');
  withCommonOptions(policy.command('show').description('the policies in force'), [])
    .addHelpText('after', '\nExample:\n  tocsin policy show --json')
    .action((options: Options) => execute(options, show));
}

const show: Work<Options> = ({ terminal }) => {
  const policies = [
    {
      triggerType: '*',
      kind: 'tumbling',
      windowMs: DEFAULT_WINDOW_MS,
      phaseMs: 0,
      axis: 'requestedAt',
      ruleset: INITIAL_RULESET,
    },
  ];
  terminal.print({ policies });
  for (const { triggerType, kind, windowMs, axis, ruleset } of policies) {
    terminal.say(
      `${triggerType}: at most one notification per user and type in each ${kind} window of ` +
        `${windowMs / 60_000} minutes of the trigger's ${axis}, UTC (ruleset ${ruleset})`,
    );
  }
  return Promise.resolve(EXIT.done);
};
