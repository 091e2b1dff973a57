// The command line. Which commands there are, and what a wrong call is told.
import { Command, CommanderError } from 'commander';
import { TocsinError } from '../domain/core/errors.ts';
import { auditCommand } from './commands/audit.ts';
import { doctorCommand } from './commands/doctor.ts';
import { parkCommand } from './commands/park.ts';
import { policyCommand } from './commands/policy.ts';
import { projectCommand } from './commands/project.ts';
import { raiseCommand } from './commands/raise.ts';
import { startCommand } from './commands/start.ts';
import { storeCommand } from './commands/store.ts';
import { watchCommand } from './commands/watch.ts';
import { keepHeapSmall } from './small-heap.ts';
import { reportFailure } from './terminal.ts';

const program = new Command('tocsin')
  .description('triggers that become notifications: each once per window, and provably so')
  .addHelpText(
    'after',
    `
Start here:
  tocsin start                     everything on this machine, with examples
  tocsin raise --file F.ndjson     raise triggers
  tocsin project                   the projection daemon
  tocsin audit replay              the same verdicts again, from the log alone

Settings come from options, then TOCSIN_… variables, then tocsin.config.json.
Exit codes: 0 done, 1 done but something was refused, 2 wrong usage, 3 a dependency is away,
4 refused for safety, 5 internal error, 130 interrupted.`,
  )
  .showSuggestionAfterError();

for (const add of [
  startCommand,
  raiseCommand,
  watchCommand,
  projectCommand,
  auditCommand,
  policyCommand,
  parkCommand,
  storeCommand,
  doctorCommand,
]) {
  add(program);
}

function quiet(command: Command): void {
  // Errors are told once, by us, in the form that was asked for.
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.commands.forEach(quiet);
}
quiet(program);

/** Runs one invocation; sets the process's exit code. */
async function main(argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    const message = error.message.replace(/^error: /, '');
    const isBare = error.code === 'commander.help';
    const usage = new TocsinError('usage', 'wrong_usage', isBare ? 'which command?' : message, {
      hint: 'See tocsin --help, or tocsin COMMAND --help.',
    });
    process.exitCode = reportFailure(usage, argv.includes('--json'));
  }
}

// A reader that has seen enough (`tocsin watch | head`) asks us to stop, no more.
process.stdout.once('error', () => {
  process.stdout.on('error', () => undefined);
  process.kill(process.pid, 'SIGTERM');
});

keepHeapSmall();
await main(process.argv.slice(2));
