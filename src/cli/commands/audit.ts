// `tocsin audit replay`: the same verdicts again, from the log alone. Nothing can be sent from here.
import type { Command } from 'commander';
import { temporaryReadModel } from '../../adapters/sqlite/read-model.ts';
import { replay } from '../../projections/audit/replay.ts';
import { openReader } from '../compose.ts';
import { EXIT, rate, secondsSince } from '../terminal.ts';
import { execute, withCommonOptions, type Work } from './command.ts';

type Options = { readonly json?: true };

export function auditCommand(program: Command): void {
  const audit = program.command('audit').description('ask the log what was decided, and why');
  withCommonOptions(
    audit.command('replay').description('decide everything again, from the log alone'),
    ['store', 'name'],
  )
    .addHelpText(
      'after',
      `
The digest is SHA-256 over the sorted lines user:type:windowStart of all notices: the same log gives
the same digest, on every machine, at any time. It runs beside a running projector.

Example:
  tocsin audit replay --store embedded:var/store.db --json`,
    )
    .action((options: Options) => execute(options, replayLog));
}

const replayLog: Work<Options> = async ({ config, terminal }) => {
  const startedAt = performance.now();
  await using log = await openReader(config);
  using state = temporaryReadModel();
  const result = await replay(log, state, config.name, (events) => {
    terminal.progress(() => `${events.toLocaleString('en')} events, ${rate(events, startedAt)}`);
  });
  const seconds = secondsSince(startedAt);
  terminal.print({ ...result, seconds });
  terminal.say(
    `${result.events} events: ${result.triggers} triggers, ${result.published} notifications let through, ` +
      `${result.suppressed} suppressed, ${result.parked} parked (${seconds} s)\n` +
      `dedupe keys sha256 ${result.dedupeKeysSha256}`,
  );
  return EXIT.done;
};
