// The list of commands, and the report of a wrong call.
import { Command, CommanderError } from 'commander';
import { packageVersion } from './config/package-files.ts';
import { usageError } from './config/usage-error.ts';
import { reportFailure } from './terminal/terminal.ts';

const VERSION_OPTION = '--version';

type AddCommand = (program: Command) => void;

/** Only the module of the called command is loaded: loading all takes half the time of a short call. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  start: async () => (await import('./commands/start.ts')).startCommand,
  raise: async () => (await import('./commands/raise.ts')).raiseCommand,
  cancel: async () => (await import('./commands/cancel.ts')).cancelCommand,
  watch: async () => (await import('./commands/watch.ts')).watchCommand,
  project: async () => (await import('./commands/project.ts')).projectCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  notary: async () => (await import('./commands/notary.ts')).notaryCommand,
  'verify-proof': async () => (await import('./commands/verify-proof.ts')).verifyProofCommand,
  policy: async () => (await import('./commands/policy.ts')).policyCommand,
  deliveries: async () => (await import('./commands/deliveries.ts')).deliveriesCommand,
  channel: async () => (await import('./commands/channel.ts')).channelCommand,
  forget: async () => (await import('./commands/forget.ts')).forgetCommand,
  park: async () => (await import('./commands/park.ts')).parkCommand,
  archive: async () => (await import('./commands/archive.ts')).archiveCommand,
  jobs: async () => (await import('./commands/jobs.ts')).jobsCommand,
  store: async () => (await import('./commands/store.ts')).storeCommand,
  token: async () => (await import('./commands/token.ts')).tokenCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
};

/** A program with the called command, or with all commands for help and for wrong calls. */
export async function createProgram(called: string): Promise<Command> {
  const program = new Command('tocsin')
    .description(
      'triggers that become notifications: at most one per dedupe window, and every verdict can be replayed',
    )
    // A command with subcommands and options must not consume its subcommands' options.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Start here:
  tocsin start                     run all parts on this machine, with examples
  tocsin raise --file F.ndjson     raise triggers
  tocsin project                   run the projection as a daemon
  tocsin audit replay              compute all verdicts again from the log

Settings come from options, then TOCSIN_… variables, then tocsin.config.json.
Exit codes: 0 done, 1 done but something was refused, 2 wrong usage, 3 a dependency cannot be reached,
4 refused for safety, 5 internal error, 130 interrupted.`,
    )
    .version(packageVersion(), VERSION_OPTION)
    .showSuggestionAfterError();
  const own = Object.hasOwn(commands, called) ? commands[called] : undefined;
  const all = called === VERSION_OPTION ? [] : Object.values(commands);
  const wanted = own === undefined ? all : [own];
  for (const add of await Promise.all(wanted.map((load) => load()))) add(program);
  quiet(program);
  return program;
}

function quiet(command: Command): void {
  // runCommandLine reports an error once, as text or as JSON.
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.commands.forEach(quiet);
}

/** Runs one invocation and sets the exit code of the process. */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  try {
    const program = await createProgram(argv[0] ?? '');
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    const message = error.message.replace(/^error: /, '');
    const shown = error.code === 'commander.help' ? 'no command was given' : message;
    const hint = 'See tocsin --help, or tocsin COMMAND --help.';
    process.exitCode = reportFailure(
      usageError('wrong_usage', shown, hint),
      argv.includes('--json'),
    );
  }
}
