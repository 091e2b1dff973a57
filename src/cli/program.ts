// Which commands there are, and what a wrong call is told.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { TocsinError } from '../domain/core/errors.ts';
import { parseJson } from '../domain/core/json.ts';
import { reportFailure } from './terminal/terminal.ts';

const VERSION_OPTION = '--version';

type AddCommand = (program: Command) => void;

/** Each command in a module of its own, loaded when it is called: the rest would take half of a short call. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  start: async () => (await import('./commands/start.ts')).startCommand,
  raise: async () => (await import('./commands/raise.ts')).raiseCommand,
  watch: async () => (await import('./commands/watch.ts')).watchCommand,
  project: async () => (await import('./commands/project.ts')).projectCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  policy: async () => (await import('./commands/policy.ts')).policyCommand,
  deliveries: async () => (await import('./commands/deliveries.ts')).deliveriesCommand,
  channel: async () => (await import('./commands/channel.ts')).channelCommand,
  forget: async () => (await import('./commands/forget.ts')).forgetCommand,
  park: async () => (await import('./commands/park.ts')).parkCommand,
  jobs: async () => (await import('./commands/jobs.ts')).jobsCommand,
  store: async () => (await import('./commands/store.ts')).storeCommand,
  token: async () => (await import('./commands/token.ts')).tokenCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
};

/** A program with the command that is called, or with all of them for help and for wrong calls. */
async function createProgram(called: string): Promise<Command> {
  const program = new Command('tocsin')
    .description('triggers that become notifications: each once per window, and provably so')
    // A command that has commands, and options of its own, must not take theirs.
    .enablePositionalOptions()
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
    .version(version(), VERSION_OPTION)
    .showSuggestionAfterError();
  const own = Object.hasOwn(commands, called) ? commands[called] : undefined;
  const all = called === VERSION_OPTION ? [] : Object.values(commands);
  const wanted = own === undefined ? all : [own];
  for (const add of await Promise.all(wanted.map((load) => load()))) add(program);
  quiet(program);
  return program;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(parseJson(text)).version;
}

function quiet(command: Command): void {
  // Errors are told once, by us, in the form that was asked for.
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.commands.forEach(quiet);
}

/** Runs one invocation; sets the process's exit code. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(argv[0] ?? '');
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
